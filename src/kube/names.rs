//! The syntax of names. Source: Kubernetes' `apimachinery/pkg/util/validation`.

/// A DNS-1123 label of at most 63 characters that starts with a letter, so that it is a DNS-1035 label (what a Service
/// needs) too.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_lowercase()) && is_label_body(text)
}

/// A DNS-1123 subdomain of at most 253 characters.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_body)
}

fn is_label_body(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The value of a label: at most 63 characters, letters and digits at both ends.
pub fn is_label_value(text: &str) -> bool {
    let alphanumeric = |char: char| char.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.chars().all(|char| alphanumeric(char) || matches!(char, '-' | '_' | '.'))
            && text.starts_with(alphanumeric)
            && text.ends_with(alphanumeric)
}

/// The name of an environment variable that every shell can read.
pub fn is_env_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.'))
}

/// A key of a ConfigMap.
pub fn is_config_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text != "."
        && !text.starts_with("..")
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        assert!(
            is_label("order-service")
                && !is_label("Order")
                && !is_label("1a")
                && !is_label("a-")
                && !is_label(&"a".repeat(64))
        );
        assert!(
            is_subdomain("mysql.magento.example.com")
                && is_subdomain("1.2")
                && !is_subdomain("a..b")
                && !is_subdomain("a_b")
        );
        assert!(is_label_value("") && is_label_value("a_B.c") && !is_label_value("-a"));
        assert!(is_env_name("MY_VAR") && !is_env_name("1A") && !is_env_name("A=B"));
        assert!(is_config_key(".env") && !is_config_key("..") && !is_config_key("a/b"));
    }
}
