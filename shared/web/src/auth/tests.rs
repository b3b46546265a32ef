//! Tokens made elsewhere, tokens changed anywhere, and tokens rightly signed that say something else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
const RUNNER_KEY: &str = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";

/// Made with Python's `hmac` and `hashlib`, byte for byte as `mint_session` made them before jwt-simple: kid `a`,
/// claims `{"iss":"easel","aud":"easel-users","sub":"7","iat":1790000000,"exp":1790003600,"sid":"5e55"}`.
const SESSION: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.\
    eyJpc3MiOiJlYXNlbCIsImF1ZCI6ImVhc2VsLXVzZXJzIiwic3ViIjoiNyIsImlhdCI6MTc5MDAwMDAwMCwiZXhwIjoxNzkwMDAzNjAwLCJzaWQi\
    OiI1ZTU1In0.2sWprWmYkUxOXV2tBKeF2ywxj3xvFcBy0DWIxUEqPn_R1E3-6Z060CIUkXtlfeCHtwf0CmUBl1SQv9wd5cC-WQ";

/// Made likewise: kid `runner`, claims
/// `{"iss":"easel","aud":"easel-runners","sub":"3","iat":1790000000,"exp":1821536000,"epoch":4}`.
const RUNNER: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6InJ1bm5lciJ9.\
    eyJpc3MiOiJlYXNlbCIsImF1ZCI6ImVhc2VsLXJ1bm5lcnMiLCJzdWIiOiIzIiwiaWF0IjoxNzkwMDAwMDAwLCJleHAiOjE4MjE1MzYwMDAsImVwb2\
    NoIjo0fQ.-PIZ-DTbKsVo9ytC1ypuiAvt45hvGfSvJWmYg5ybGM3pz6ups_nciCTVAYVp2xL-JykArKDcBP9PeC1TTp3Pyg";

const NOW: Millis = Millis(1_790_000_000_000);
const EXPIRES: Millis = Millis(1_790_003_600_000);

fn config(keys: &[(&str, &str)], runner_key: &str) -> Config {
    let mut config = Config::read(|_| None);
    config.jwt_keys = keys.iter().map(|(kid, key)| (kid.to_string(), key.to_string())).collect();
    config.runner_key = runner_key.into();
    config
}

fn ours() -> Config {
    config(&[("a", KEY)], RUNNER_KEY)
}

fn session() -> Session {
    Session { user_id: 7, session_id: "5e55".into() }
}

fn open(token: &str) -> Option<Session> {
    verify_session(&ours(), token, NOW).ok()
}

fn open_runner(token: &str) -> Option<RunnerToken> {
    verify_runner(&ours(), token, NOW).ok()
}

/// A token of any header and claims, rightly signed.
fn signed(header: &str, claims: &str, key: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = HS512Key::from_bytes(key.as_bytes()).authentication_tag(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn claims() -> Value {
    json!({"iss": "easel", "aud": "easel-users", "sub": "7", "iat": 1_790_000_000, "exp": 1_790_003_600, "sid": "5e55"})
}

fn with_header(header: &str) -> String {
    signed(header, &claims().to_string(), KEY)
}

fn with_claims(claims: &Value) -> String {
    signed(r#"{"alg":"HS512","typ":"JWT","kid":"a"}"#, &claims.to_string(), KEY)
}

/// Header and claims of a token, as they stand in it.
fn parts(token: &str) -> (Value, Value) {
    let part = |n| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap();
    (part(0), part(1))
}

#[test]
fn tokens_of_another_implementation_verify() {
    assert_eq!(open(SESSION), Some(session()));
    assert_eq!(open_runner(RUNNER), Some(RunnerToken { server_id: 3, epoch: 4 }));
}

#[test]
fn minted_tokens_say_the_same_as_those_of_another_implementation() {
    let minted = mint_session(&ours(), &session(), NOW, EXPIRES).unwrap();
    assert_eq!(parts(&minted), parts(SESSION));
    assert_eq!(open(&minted), Some(session()));
    let runner = RunnerToken { server_id: 3, epoch: 4 };
    let minted = mint_runner(&ours(), runner, NOW).unwrap();
    assert_eq!(parts(&minted), parts(RUNNER));
    assert_eq!(open_runner(&minted), Some(runner));
}

#[test]
fn one_changed_character_anywhere_is_refused() {
    let any = |token: &str| open(token).is_some() || open_runner(token).is_some();
    for token in [SESSION, RUNNER] {
        for at in 0..token.len() {
            for other in ['A', 'B', 'Q', '9', '-', '_', '.', '=', '+', '/', ' ', '\n'] {
                let mut changed: Vec<char> = token.chars().collect();
                if changed[at] != other {
                    changed[at] = other;
                    assert!(!any(&changed.iter().collect::<String>()), "{other:?} at {at}");
                }
            }
            assert!(!any(&token[..at]), "cut at {at}");
        }
        for before in ["", ".", " ", "Bearer "] {
            for behind in ["", ".", "=", "==", "A", "\n", ".e30"] {
                assert_eq!(any(&format!("{before}{token}{behind}")), before.is_empty() && behind.is_empty());
            }
        }
    }
}

#[test]
fn only_hs512_without_extensions_under_a_known_key() {
    for header in [
        r#"{"alg":"HS512","kid":"a"}"#,
        r#"{"alg":"HS512","kid":"a","typ":"jwt"}"#,
        r#"{"alg":"HS512","kid":"a","x5t":"ignored","unknown":[1]}"#,
    ] {
        assert!(open(&with_header(header)).is_some(), "{header}");
    }
    for header in [
        r#"{"alg":"none","kid":"a"}"#,
        r#"{"alg":"None","kid":"a"}"#,
        r#"{"alg":"","kid":"a"}"#,
        r#"{"alg":"HS256","kid":"a"}"#,
        r#"{"alg":"HS384","kid":"a"}"#,
        r#"{"alg":"RS512","kid":"a"}"#,
        r#"{"alg":"hs512","kid":"a"}"#,
        r#"{"alg":"HS512 ","kid":"a"}"#,
        r#"{"alg":["HS512"],"kid":"a"}"#,
        r#"{"alg":null,"kid":"a"}"#,
        r#"{"alg":"HS512","alg":"none","kid":"a"}"#,
        r#"{"alg":"none","alg":"HS512","kid":"a"}"#,
        r#"{"alg":"HS512","kid":"b"}"#,
        r#"{"alg":"HS512","kid":"A"}"#,
        r#"{"alg":"HS512","kid":""}"#,
        r#"{"alg":"HS512","kid":"runner"}"#,
        r#"{"alg":"HS512","kid":"b","kid":"a"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"kid":"a"}"#,
        r#"{"alg":"HS512","kid":"a","crit":["exp"]}"#,
        r#"{"alg":"HS512","kid":"a","crit":[]}"#,
        r#"{"alg":"HS512","kid":"a","crit":"exp"}"#,
        r#"{"alg":"HS512","kid":"a","crit":true}"#,
        r#"{"alg":"HS512","kid":"a","typ":"JOSE"}"#,
        r#"{"alg":"HS512","kid":"a","salt":"AAAA"}"#,
        r#"{"alg":"HS512","kid":7}"#,
        r#"{"alg":"HS512","kid":"a"}x"#,
        "[]",
        "null",
        "",
    ] {
        assert_eq!(open(&with_header(header)), None, "{header}");
    }
    // Signed with nothing, and with the empty key.
    let (head, _) = SESSION.rsplit_once('.').unwrap();
    assert_eq!(open(&format!("{head}.")), None);
    assert_eq!(open(&signed(r#"{"alg":"HS512","kid":"a"}"#, &claims().to_string(), "")), None);
}

#[test]
fn a_signature_over_other_claims_is_not_enough() {
    assert_eq!(open(&with_claims(&claims())), Some(session()));
    let wrong: &[(&str, &[Value])] = &[
        ("iss", &[json!(null), json!(""), json!("Easel"), json!(["easel"]), json!(1)]),
        (
            "aud",
            &[
                json!(null),
                json!("easel-runners"),
                json!(["easel-users"]),
                json!(["x", "easel-users"]),
                json!([]),
                json!(1),
            ],
        ),
        ("sub", &[json!(null), json!(""), json!("0"), json!("-7"), json!("7x"), json!(7)]),
        ("iat", &[json!(null), json!(-1), json!("1790000000")]),
        ("exp", &[json!(null), json!(0), json!(-1), json!(1_790_000_000), json!("1790003600"), json!([])]),
        ("sid", &[json!(null), json!(5), json!(["5e55"])]),
    ];
    for (name, values) in wrong {
        for value in *values {
            let mut changed = claims();
            changed[*name] = value.clone();
            assert_eq!(open(&with_claims(&changed)), None, "{name} {value}");
        }
        let mut without = claims();
        without.as_object_mut().unwrap().remove(*name);
        assert_eq!(open(&with_claims(&without)), None, "no {name}");
    }
    for epoch in [json!(null), json!("4"), json!(4.5), json!([4])] {
        let claims = json!({"iss": "easel", "aud": "easel-runners", "sub": "3", "iat": 1, "exp": i64::from(i32::MAX),
            "epoch": epoch});
        let token = signed(r#"{"alg":"HS512","kid":"runner"}"#, &claims.to_string(), RUNNER_KEY);
        assert_eq!(open_runner(&token), None, "{epoch}");
    }
    assert_eq!(open(&signed(r#"{"alg":"HS512","kid":"a"}"#, "", KEY)), None);
    assert_eq!(open(&signed(r#"{"alg":"HS512","kid":"a"}"#, "[]", KEY)), None);
}

#[test]
fn a_token_ends_with_its_last_second_and_by_the_requests_time_alone() {
    let at = |now: i64| verify_session(&ours(), SESSION, Millis(now)).is_ok();
    assert!(at(EXPIRES.0 - 1));
    assert!(!at(EXPIRES.0));
    assert!(!at(EXPIRES.0 + 1));
    assert!(!at(i64::MAX));
    // Another machine's clock may be ahead: tokens are not too new.
    assert!(at(NOW.0 - 1));
    assert!(at(0));
    assert!(!at(-1));
}

#[test]
fn the_first_key_signs_and_all_verify() {
    const NEW: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
    let rotated = config(&[("b", NEW), ("a", KEY)], RUNNER_KEY);
    let opened = |config: &Config, token: &str| verify_session(config, token, NOW).ok();
    let minted = mint_session(&rotated, &session(), NOW, EXPIRES).unwrap();
    assert_eq!(parts(&minted).0["kid"], "b");
    assert_eq!(opened(&rotated, &minted), Some(session()));
    assert_eq!(opened(&rotated, SESSION), Some(session()));
    assert_eq!(open(&minted), None, "a key that is not known");
    assert_eq!(opened(&config(&[("b", NEW)], RUNNER_KEY), SESSION), None, "a key that is known no more");
    assert_eq!(opened(&config(&[("a", NEW), ("b", KEY)], RUNNER_KEY), SESSION), None, "names are not exchanged");
}

#[test]
fn a_session_is_no_runner_even_under_one_key() {
    let same = config(&[(RUNNER_KID, RUNNER_KEY)], RUNNER_KEY);
    let session = mint_session(&same, &session(), NOW, EXPIRES).unwrap();
    assert!(verify_session(&same, &session, NOW).is_ok());
    assert!(verify_runner(&same, &session, NOW).is_err());
    assert!(verify_runner(&same, RUNNER, NOW).is_ok());
    assert!(verify_session(&same, RUNNER, NOW).is_err());
}

#[test]
fn weak_keys_neither_sign_nor_verify() {
    let short = &RUNNER_KEY[..MIN_KEY - 1];
    for weak in [short, "", "k"] {
        let config = config(&[("a", weak)], weak);
        assert_eq!(mint_session(&config, &session(), NOW, EXPIRES).unwrap_err().code(), "internal_error");
        assert_eq!(
            mint_runner(&config, RunnerToken { server_id: 3, epoch: 4 }, NOW).unwrap_err().code(),
            "internal_error"
        );
        let token = signed(r#"{"alg":"HS512","kid":"a"}"#, &claims().to_string(), weak);
        assert_eq!(verify_session(&config, &token, NOW).unwrap_err().code(), "invalid_token");
        assert_eq!(verify_runner(&config, RUNNER, NOW).unwrap_err().code(), "internal_error");
    }
    assert_eq!(mint_session(&config(&[], ""), &session(), NOW, EXPIRES).unwrap_err().code(), "internal_error");
    assert_eq!(verify_session(&config(&[], ""), SESSION, NOW).unwrap_err().code(), "invalid_token");
    let enough = config(&[("a", RUNNER_KEY)], "");
    assert!(mint_session(&enough, &session(), NOW, EXPIRES).is_ok());
}

#[test]
fn nonsense_is_refused() {
    for token in ["", ".", "..", "...", "a.b.c", "é.é.é", "e30.e30.", &"a.".repeat(1000), &"A".repeat(2000)] {
        let error = verify_session(&ours(), token, NOW).unwrap_err();
        assert_eq!(error.code(), "invalid_token", "{token:.20}");
        assert_eq!(open_runner(token), None, "{token:.20}");
    }
}

#[test]
fn longer_tokens_are_not_read() {
    let mut lengths = (0, 0);
    for length in 1000..1600 {
        let session = Session { user_id: 7, session_id: "5".repeat(length) };
        let token = mint_session(&ours(), &session, NOW, EXPIRES).unwrap();
        let read = open(&token).is_some();
        assert_eq!(read, token.len() <= MAX_TOKEN, "{}", token.len());
        if read { lengths.0 += 1 } else { lengths.1 += 1 }
    }
    assert!(lengths.0 > 0 && lengths.1 > 0, "{lengths:?}");
}
