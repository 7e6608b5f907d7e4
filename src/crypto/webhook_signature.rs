//! The form of `X-Hub-Signature-256`. The comparison itself is `ports::Crypto::hmac_sha256_matches`, in constant time.

/// Reads `sha256=` and 64 hexadecimal digits (GitHub, "Validating webhook deliveries"); anything else is `None`.
#[must_use]
pub fn parse(header: &str) -> Option<[u8; 32]> {
    let digits = header.strip_prefix("sha256=")?;
    let mut mac = [0; 32];
    hex::decode_to_slice(digits, &mut mac).ok()?;
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_form_is_read() {
        // The value of GitHub's own page: secret "It's a Secret to Everybody", payload "Hello, World!".
        let documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(parse(documented).map(hex::encode).as_deref(), documented.strip_prefix("sha256="));
        let digits = "7".repeat(64);
        for bad in [
            String::new(),
            digits.clone(),
            "sha256=".to_owned(),
            format!("sha1={digits}"),
            format!("SHA256={digits}"),
            format!(" sha256={digits}"),
            format!("sha256= {digits}"),
            format!("sha256={digits} "),
            format!("sha256={digits}0"),
            format!("sha256={digits}00"),
            format!("sha256={}", &digits[1..]),
            format!("sha256={}g", &digits[1..]),
            format!("sha256={}é", &digits[2..]),
            format!("sha256={digits},sha256={digits}"),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
