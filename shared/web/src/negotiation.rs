//! Content negotiation: the language of texts, and the version of the drawing API.

use domain::Lang;
use store::ApiVersion;

/// Reads an `Accept-Language` header (RFC 9110 §12.5.4): the known language with the highest weight, English when there
/// is none. `zh` without a script follows its region; alone it is Simplified.
pub fn accept_language(header: &str) -> Lang {
    let mut best = (0, Lang::En);
    for item in header.split(',') {
        let mut parts = item.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = parts.find_map(|p| weight(p.trim().strip_prefix("q=")?)).unwrap_or(1000);
        if let Some(lang) = language(&tag)
            && weight > best.0
        {
            best = (weight, lang);
        }
    }
    best.1
}

/// The version of a request: its `X-Api-Profile`, its `profile` parameter, or the deployment's.
pub(crate) fn api_version(header: &str, parameter: &str, deployment: &str) -> ApiVersion {
    [header, parameter, deployment].into_iter().find_map(ApiVersion::parse).unwrap_or_default()
}

fn language(tag: &str) -> Option<Lang> {
    let mut parts = tag.split('-');
    match parts.next()? {
        "en" => Some(Lang::En),
        "zh" if parts.clone().any(|p| p == "hans") => Some(Lang::Hans),
        "zh" if parts.any(|p| matches!(p, "hant" | "tw" | "hk" | "mo")) => Some(Lang::Hant),
        "zh" => Some(Lang::Hans),
        _ => None,
    }
}

/// A quality value of RFC 9110 §12.4.2 in thousandths. Not read as `f32`: that parser's tables are 12 KB of every WASM.
fn weight(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = fraction.bytes().chain(*b"000").take(3);
    let thousandths = digits.try_fold(0, |sum, digit| Some(sum * 10 + char::from(digit).to_digit(10)?))?;
    match whole {
        "0" => Some(thousandths),
        "1" => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_is_taken() {
        for (header, lang) in [
            ("", Lang::En),
            ("zh-TW,zh;q=0.9,en;q=0.8", Lang::Hant),
            ("zh-CN", Lang::Hans),
            ("zh-Hans-HK", Lang::Hans),
            ("fr, en;q=0.3, zh-hant;q=0.7", Lang::Hant),
            ("en;q=0.29, zh-cn;q=0.3", Lang::Hans),
            ("en;q=0, zh-cn;q=0.001", Lang::Hans),
            ("*;q=0.1, xx", Lang::En),
            (";;;q=nan,,zh;q=x", Lang::Hans),
        ] {
            assert_eq!(accept_language(header), lang, "{header}");
        }
    }

    #[test]
    fn a_request_overrides_the_deployment() {
        for (header, parameter, deployment, version) in [
            ("v0", "v1", "v1", ApiVersion::V0),
            ("", "v0", "v1", ApiVersion::V0),
            ("", "", "v0", ApiVersion::V0),
            ("points", "", "", ApiVersion::V1),
            ("v9", "", "v0", ApiVersion::V0),
        ] {
            assert_eq!(api_version(header, parameter, deployment), version, "{header} {parameter} {deployment}");
        }
    }
}
