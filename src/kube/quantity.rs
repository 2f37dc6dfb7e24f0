//! Quantities such as `500m` and `128Mi`. Source: Kubernetes' `apimachinery/pkg/api/resource`.

/// An amount, in thousandths of its unit.
pub type Quantity = i128;

/// Reads a quantity; `None` where Kubernetes would refuse it. Amounts below a thousandth count as one, as the server
/// rounds up.
pub fn quantity(text: &str) -> Option<Quantity> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let number_end = unsigned.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() || number.len() > 30 {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let thousandths = match suffix {
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            let power = 1 + u32::try_from("KMGTPE".find(&suffix[..1])?).ok()?;
            scaled(digits.checked_mul(1024_i128.checked_pow(power)?)?, 3 - scale)?
        }
        _ => scaled(digits, decimal_exponent(suffix)? + 3 - scale)?,
    };
    Some(if negative { -thousandths } else { thousandths })
}

/// The power of ten that a decimal suffix stands for.
fn decimal_exponent(suffix: &str) -> Option<i32> {
    Some(match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            exponent.parse().ok().filter(|power: &i32| power.abs() <= 18)?
        }
    })
}

/// `digits × 10^power`, rounded up.
fn scaled(digits: i128, power: i32) -> Option<i128> {
    if power >= 0 {
        return digits.checked_mul(10_i128.checked_pow(power.unsigned_abs())?);
    }
    let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
    Some(digits / divisor + i128::from(digits % divisor != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_follow_kubernetes() {
        for (text, thousandths) in [
            ("1", 1000),
            ("500m", 500),
            ("128Mi", 134_217_728_000),
            ("1.5", 1500),
            (".5", 500),
            ("1e3", 1_000_000),
            ("2k", 2_000_000),
            ("-1", -1000),
            ("100n", 1),
            ("1Ei", 1_152_921_504_606_846_976_000),
        ] {
            assert_eq!(quantity(text), Some(thousandths), "{text}");
        }
        for text in ["", "512MB", "1 Gi", "mi", "1K", "1.2.3", "1e", "0x1", "Mi", "½"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
