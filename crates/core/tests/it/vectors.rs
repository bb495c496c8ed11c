//! The official vectors: RFC 4226 appendix D and RFC 6238 appendix B.

use data_encoding::HEXLOWER;
use nightlatch_core::{
    Secret, Timestamp,
    factors::{
        hotp::{Algorithm, Hotp, code_at},
        totp::{Parameters, Seed, Totp, Window},
    },
};
use serde_json::Value;

use crate::{accepted, app, typed};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/oath-rfc.json")).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap()
}

#[test]
fn rfc_4226_codes_are_accepted_in_order() {
    let vectors = &vectors()["rfc4226"];
    let seed = bytes::<20>(&vectors["secret_hex"]).to_vec();
    let codes = vectors["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    let mut token = Hotp {
        seed: Secret::new(seed),
        algorithm: Algorithm::Sha1,
        digits: 6,
        counter: 0,
        look_ahead: 0,
    };
    for (counter, code) in (0..).zip(codes) {
        let value = code.as_str().unwrap().parse().unwrap();
        assert_eq!(code_at(&token.seed, counter, Algorithm::Sha1, 6), value);
        assert_eq!(token.verify(&typed(value, 6)), Some(counter + 1));
        token.counter = counter + 1;
        assert_eq!(token.verify(&typed(value, 6)), None, "used");
    }
}

#[test]
fn rfc_6238_rows_are_accepted_under_all_algorithms() {
    let vectors = &vectors()["rfc6238"];
    let secrets = &vectors["secrets_hex"];
    let rows = vectors["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let unix = row["unix"].as_i64().unwrap();
        for algorithm in Algorithm::ALL {
            let (name, seed) = match algorithm {
                Algorithm::Sha1 => ("sha1", Seed::new(&bytes::<20>(&secrets["sha1"]))),
                Algorithm::Sha256 => ("sha256", Seed::new(&bytes::<32>(&secrets["sha256"]))),
                Algorithm::Sha512 => ("sha512", Seed::new(&bytes::<64>(&secrets["sha512"]))),
            };
            let parameters = Parameters::new(algorithm, 8, 30).unwrap();
            let totp = Totp { seed, parameters, ..app() };
            let code = typed(row[name].as_str().unwrap().parse().unwrap(), 8);
            let step = accepted(totp, &code, Window::Strict, Timestamp::from_seconds(unix));
            assert_eq!(step, Some((unix / 30, 0)), "{name} at {unix}");
        }
    }
}
