//! The order of keys in what Kustomize prints.

use std::cmp::Ordering;

use crate::yaml::data::Datum;

/// The order of keys: numbers within names compare as numbers. Not transitive for odd sets, as in go-yaml.
fn compare_keys(left: &str, right: &str) -> Ordering {
    let (a, b) = (left.as_bytes(), right.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (Some(&x), Some(&y)) = (a.get(same), b.get(same)) else { return a.len().cmp(&b.len()) };
    if x.is_ascii_alphabetic() && y.is_ascii_alphabetic() {
        return x.cmp(&y);
    }
    if x.is_ascii() && y.is_ascii() {
        return at_difference(a, b, same, x.is_ascii_alphabetic(), y.is_ascii_alphabetic());
    }
    // A byte within a character differs: step back to the character.
    let mut at = same;
    while !left.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (left[at..].chars().next(), right[at..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (false, false) if x.is_ascii() || y.is_ascii() => at_difference(a, b, at, false, false).then(x.cmp(&y)),
        (true, true) | (false, false) => x.cmp(&y),
        (x_letter, _) => {
            if x_letter {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

fn at_difference(a: &[u8], b: &[u8], at: usize, a_letter: bool, b_letter: bool) -> Ordering {
    if a_letter != b_letter {
        return if a_letter { Ordering::Greater } else { Ordering::Less };
    }
    let mut leading = 0;
    if a[at] == b'0' || b[at] == b'0' {
        let before = a[..at].iter().rev().take_while(|byte| byte.is_ascii_digit());
        leading = i64::from(before.into_iter().any(|digit| *digit != b'0'));
    }
    let run = |bytes: &[u8]| {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold((leading, 0), |(number, length), digit| {
            (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
        })
    };
    let ((a_number, a_length), (b_number, b_length)) = (run(a), run(b));
    a_number.cmp(&b_number).then(usize::cmp(&a_length, &b_length)).then(a[at].cmp(&b[at]))
}

/// Sorts by a relation that need not be an order; the standard library's sort may panic on such.
pub(super) fn sort_keys(pairs: &mut [(&str, &Datum, &Datum)]) {
    if pairs.is_sorted_by(|a, b| compare_keys(a.0, b.0) != Ordering::Greater) {
        return;
    }
    if pairs.len() <= 16 {
        for end in 1..pairs.len() {
            let mut at = end;
            while at > 0 && compare_keys(pairs[at].0, pairs[at - 1].0) == Ordering::Less {
                pairs.swap(at, at - 1);
                at -= 1;
            }
        }
        return;
    }
    let (left, right) = pairs.split_at_mut(pairs.len() / 2);
    sort_keys(left);
    sort_keys(right);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    for place in pairs.iter_mut() {
        let from_right = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => compare_keys(b.0, a.0) == Ordering::Less,
            (None, _) => true,
            (_, None) => false,
        };
        if let Some(next) = if from_right { right.next() } else { left.next() } {
            *place = next;
        }
    }
}
