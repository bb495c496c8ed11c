//! The line tool, `examples/verify.rs`: the compiled program, fed with real lines.

use std::{
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::{Value, json};

/// The compiled example. `cargo test` builds it beside the tests unless it was told which of them to
/// build.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join(format!("verify{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", "verify"])
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success());
    }
    program
}

fn start() -> Child {
    Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// What the tool says to `input`, one value a line.
fn run(input: Vec<u8>) -> Vec<Value> {
    let mut tool = start();
    let mut stdin = tool.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = tool.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the tool says to one line.
fn answer(line: &[u8]) -> Value {
    let mut answers = run([line, b"\n"].concat());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Whether the tool takes the line, and otherwise the step at which it does not.
#[track_caller]
fn check(line: &Value, step: Option<&str>) {
    let answer = answer(line.to_string().as_bytes());
    assert_eq!(answer["id"], line["id"]);
    assert_eq!(answer["ok"], step.is_none(), "{answer}");
    assert_eq!(answer["step"].as_str(), step, "{answer}");
    assert_eq!(answer["error"].is_string(), step.is_some(), "{answer}");
    assert_eq!(answer["result"].is_object(), step.is_none(), "{answer}");
}

#[track_caller]
fn check_input(line: &[u8], id: &Value) {
    let answer = answer(line);
    assert_eq!(answer["id"], *id);
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["step"], "input");
    assert!(answer["error"].is_string());
}

/// The official vectors of WebAuthn Level 3, and the CA of their certificates.
fn file() -> Value {
    serde_json::from_str(include_str!("../vectors/webauthn-l3.json")).unwrap()
}

fn vectors() -> Vec<Value> {
    file()["vectors"].as_array().unwrap().clone()
}

/// No library that this crate would trust with it verifies Ed448.
fn supported(vector: &Value) -> bool {
    vector["id"] != "packed.Ed448"
}

/// What both ceremonies of a vector have in common.
fn line(vector: &Value, ceremony: &str) -> Value {
    json!({
        "id": format!("{ceremony} of {}", vector["id"].as_str().unwrap()),
        "ceremony": ceremony,
        "rp_id": vector["rp_id"],
        "origins": [vector["origin"]],
        "top_origins": vector["top_origin"].as_str().map(|origin| [origin]),
        "allow_cross_origin": vector[ceremony]["clientData"]["crossOrigin"] == true,
        "challenge": vector[ceremony]["challenge"]["b64u"],
        "user_verification": "preferred",
        "algorithms": [-8, -7, -35, -36, -37, -257, -53, 0, 65_535],
        "credential": vector[format!("{ceremony}_response_json")],
    })
}

fn registration(vector: &Value) -> Value {
    let mut line = line(vector, "registration");
    line["anchors"] = json!([file()["attestation_ca"]["attestation_ca_cert"]["b64u"]]);
    // 2030: when the vectors' certificates are valid.
    line["now"] = json!(1_893_456_000);
    line
}

fn authentication(vector: &Value, public_key: &Value) -> Value {
    let mut line = line(vector, "authentication");
    line["stored"] = json!({
        "id": vector["registration"]["credential_id"]["b64u"],
        "public_key": public_key,
        "sign_count": vector["registration"]["sign_count"],
        "backup_eligible": vector["registration"]["flags"]["BE"],
    });
    line
}

fn public_key(vector: &Value) -> Value {
    answer(registration(vector).to_string().as_bytes())["result"]["public_key"].clone()
}

/// The vector's flags by the names that the tool has for them.
fn flags(vector: &Value) -> Value {
    json!({ "up": vector["UP"], "uv": vector["UV"], "be": vector["BE"], "bs": vector["BS"] })
}

/// Lines that nobody can make sense of: each gets an answer, and the next line is none the worse.
fn garbage(number: usize) -> Vec<u8> {
    let kinds: [&[u8]; 6] = [b"", b"{", b"\xff\xfe", b"null", b"[[[[", b"{\"id\":"];
    kinds[number % kinds.len()].to_vec()
}

#[test]
fn the_official_vectors_verify_in_order_with_garbage_between_them() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 15);
    let mut input = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        writeln!(input, "{}", registration(vector)).unwrap();
        input.extend(garbage(number));
        input.push(b'\n');
    }
    let answers = run(input);
    assert_eq!(answers.len(), 30);

    let mut input = Vec::new();
    for (vector, answers) in vectors.iter().zip(answers.chunks(2)) {
        let (answer, garbage) = (&answers[0], &answers[1]);
        check_registration(vector, answer);
        assert_eq!((&garbage["id"], &garbage["step"]), (&json!(null), &json!("input")));
        let key = answer["result"]["public_key"].clone();
        writeln!(input, "{}", authentication(vector, &key)).unwrap();
    }
    let answers = run(input);
    assert_eq!(answers.len(), 15);
    for (vector, answer) in vectors.iter().zip(&answers) {
        check_authentication(vector, answer);
    }
}

fn check_registration(vector: &Value, answer: &Value) {
    assert_eq!(answer["id"], registration(vector)["id"]);
    assert_eq!(answer["ok"], supported(vector), "{answer}");
    if !supported(vector) {
        assert_eq!(answer["step"], "public_key");
        return;
    }
    let (expected, result) = (&vector["registration"], &answer["result"]);
    assert_eq!(result["credential_id"], expected["credential_id"]["b64u"]);
    assert_eq!(result["algorithm"], vector["cose_alg_expected"]);
    assert_eq!(result["flags"], flags(&expected["flags"]));
    assert_eq!(result["sign_count"], expected["sign_count"]);
    let aaguid = result["aaguid"].as_str().unwrap();
    assert_eq!(aaguid.len(), 36);
    assert_eq!(aaguid.replace('-', ""), expected["aaguid"]["hex"].as_str().unwrap());
    let attestation = &result["attestation"];
    assert_eq!(attestation["format"], vector["attestation_format_expected"]);
    let certified = vector["trust_path"] == "x5c";
    assert_eq!(attestation["trusted"], certified, "{answer}");
    assert_eq!(attestation["trust_path"].as_array().unwrap().is_empty(), !certified);
    if !certified {
        assert_eq!(attestation["type"], vector["trust_path"]);
    }
}

fn check_authentication(vector: &Value, answer: &Value) {
    assert_eq!(answer["id"], line(vector, "authentication")["id"]);
    assert_eq!(answer["ok"], supported(vector), "{answer}");
    let (expected, result) = (&vector["authentication"], &answer["result"]);
    if supported(vector) {
        assert_eq!(result["credential_id"], vector["registration"]["credential_id"]["b64u"]);
        assert_eq!(result["flags"], flags(&expected["flags"]));
        assert_eq!(result["sign_count"], expected["sign_count"]);
        assert_eq!(result["counter"], "both_zero");
        assert_eq!(result["user_handle"], json!(null));
    }
}

#[test]
fn a_line_that_cannot_be_read_is_answered_and_the_next_one_is_read() {
    let good = registration(&vectors()[0]);
    let long = vec![b' '; 9 * 1024 * 1024];
    let short: [&[u8]; 6] = [b"", b" ", b"\r", b"null", b"[1,2]", b"{\"id\":1"];
    let wrong: [&[u8]; 3] = [b"{\"id\":1}{\"id\":2}", b"{\"id\":\"\xff\"}", &long];
    let wrong = [&short[..], &wrong[..]].concat();
    for line in wrong {
        let input = [line, b"\n", good.to_string().as_bytes(), b"\n"].concat();
        let answers = run(input);
        assert_eq!(answers.len(), 2);
        assert_eq!((&answers[0]["id"], &answers[0]["step"]), (&json!(null), &json!("input")));
        assert_eq!(answers[1]["id"], good["id"]);
        assert_eq!(answers[1]["ok"], true);
    }
}

#[test]
fn the_last_line_needs_no_line_break() {
    assert!(run(Vec::new()).is_empty());
    assert_eq!(run(registration(&vectors()[0]).to_string().into_bytes())[0]["ok"], true);
}

#[test]
fn a_line_may_have_4_mib_and_no_byte_more() {
    let mut line = registration(&vectors()[0]).to_string().into_bytes();
    line.resize(4 * 1024 * 1024 - 1, b' ');
    assert_eq!(answer(&line)["ok"], true);
    line.push(b' ');
    check_input(&line, &json!(null));
    line.push(b' ');
    check_input(&line, &json!(null));
}

#[test]
fn the_id_comes_back_as_it_was_given() {
    for id in
        ["null", "0", "1e400", "18446744073709551616", "\"\"", "[1,{\"a\":1.50}]", "{\"b\":1}"]
    {
        let line = format!("{{\"x\":1,\"id\":{id}}}\n");
        let mut tool = start();
        tool.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let output = String::from_utf8(tool.wait_with_output().unwrap().stdout).unwrap();
        let expected = format!("{{\"id\":{id},\"ok\":false,\"step\":\"input\",");
        assert!(output.starts_with(&expected), "{output}");
    }
}

#[test]
fn a_member_of_a_line_that_is_missing_or_of_the_wrong_type_is_a_matter_of_the_line() {
    let good = registration(&vectors()[0]);
    for name in ["ceremony", "rp_id", "origins", "challenge", "user_verification", "credential"] {
        let mut line = good.clone();
        line.as_object_mut().unwrap().remove(name);
        check_input(line.to_string().as_bytes(), &good["id"]);
    }
    for (name, wrong) in [
        ("ceremony", json!("enrolment")),
        ("ceremony", json!("Registration")),
        ("origins", json!("https://example.org")),
        ("challenge", json!("AAAA=")),
        ("user_verification", json!("always")),
        ("algorithms", json!(["ES256"])),
        ("now", json!(-1)),
        ("programme_rules", json!({ "full_chain": "yes" })),
    ] {
        let mut line = good.clone();
        line[name] = wrong;
        check_input(line.to_string().as_bytes(), &good["id"]);
    }
    let vector = &vectors()[0];
    let good = authentication(vector, &public_key(vector));
    check(&good, None);
    for name in ["id", "public_key", "sign_count", "backup_eligible"] {
        let mut line = good.clone();
        line["stored"].as_object_mut().unwrap().remove(name);
        check_input(line.to_string().as_bytes(), &good["id"]);
    }
    let mut line = good;
    line["stored"] = json!(null);
    check_input(line.to_string().as_bytes(), &line["id"]);
}

#[test]
fn what_may_be_left_out_may_be_null_and_what_is_unknown_is_ignored() {
    let vector = &vectors()[0];
    let mut line = registration(vector);
    let names =
        ["top_origins", "allow_cross_origin", "algorithms", "conditional", "anchors", "now"];
    for name in names.into_iter().chain(["require_trusted", "programme_rules", "stored"]) {
        line[name] = json!(null);
    }
    line["algorithms"] = json!([]);
    line["comment"] = json!({ "any": ["thing"] });
    check(&line, None);
    let mut line = authentication(vector, &public_key(vector));
    for name in ["top_origins", "allow_credentials", "user_identified", "appid", "algorithms"] {
        line[name] = json!(null);
    }
    check(&line, None);
}

#[test]
fn every_member_of_a_line_counts() {
    let vector = &vectors()[0];
    let good = registration(vector);
    for (name, value, step) in [
        ("rp_id", json!("example.com"), "rp_id_hash"),
        ("origins", json!([]), "origin"),
        ("challenge", json!("AAAAAAAAAAAAAAAAAAAAAA"), "challenge"),
        ("user_verification", json!("required"), "user_verification"),
        ("algorithms", json!([-257, 12]), "algorithm"),
        ("credential", json!({}), "response"),
        ("ceremony", json!("authentication"), "input"),
        ("require_trusted", json!(true), "attestation_trust"),
    ] {
        let mut line = good.clone();
        line[name] = value;
        check(&line, Some(step));
    }
    // A duplicate member in the credential is seen, though the line around it is read as JSON.
    let credential = good["credential"].to_string();
    let twice = credential.replacen('{', r#"{"type":"public-key","#, 1);
    let line = good.to_string().replace(&credential, &twice);
    assert_eq!(answer(line.as_bytes())["step"], "response");

    let key = public_key(vector);
    let good = authentication(vector, &key);
    for (name, value, step) in [
        ("allow_credentials", json!(["AQ"]), "allow_credentials"),
        ("user_identified", json!(false), "user_handle"),
        ("ceremony", json!("registration"), "response"),
    ] {
        let mut line = good.clone();
        line[name] = value;
        check(&line, Some(step));
    }
    for (name, value, step) in [
        ("id", json!("AQ"), "credential_record"),
        ("public_key", json!("oA"), "credential_record"),
        ("public_key", public_key(&vectors()[1]), "signature"),
        ("backup_eligible", json!(false), "backup_eligibility"),
    ] {
        let mut line = good.clone();
        line["stored"][name] = value;
        check(&line, Some(step));
    }
    let mut line = good.clone();
    line["allow_credentials"] = json!(["AQ", good["stored"]["id"]]);
    line["stored"]["sign_count"] = json!(7);
    assert_eq!(answer(line.to_string().as_bytes())["result"]["counter"], "fell");
}

#[test]
fn an_iframe_counts_only_where_one_is_expected() {
    let vectors = vectors();
    for (number, member, step) in
        [(2, "allow_cross_origin", "cross_origin"), (3, "top_origins", "top_origin")]
    {
        let mut line = registration(&vectors[number]);
        check(&line, None);
        line[member] = json!(null);
        check(&line, Some(step));
    }
}

#[test]
fn each_stricter_rule_refuses_the_vector_that_breaks_it() {
    let vectors = vectors();
    let find = |id| vectors.iter().find(|vector| vector["id"] == id).unwrap();
    for (rule, id) in [
        ("zero_u2f_aaguid", "fido-u2f.ES256"),
        ("known_tpm_manufacturer", "tpm.ES256"),
        ("full_chain", "packed.ES256"),
    ] {
        let mut line = registration(find(id));
        line["programme_rules"] = json!({ rule: false });
        check(&line, None);
        line["programme_rules"] = json!({ rule: true });
        assert_eq!(answer(line.to_string().as_bytes())["ok"], false, "{rule}");
    }
}

/// Whoever drives the tool waits for an answer before the next line, so none may be held back.
#[test]
fn an_answer_is_out_before_the_next_line_is_asked_for() {
    use std::io::{BufRead, BufReader};
    let mut tool = start();
    let mut input = tool.stdin.take().unwrap();
    let mut output = BufReader::new(tool.stdout.take().unwrap()).lines();
    for id in 0..3 {
        writeln!(input, "{{\"id\":{id}}}").unwrap();
        let line = output.next().unwrap().unwrap();
        assert!(line.starts_with(&format!("{{\"id\":{id},")), "{line}");
    }
    drop(input);
    assert!(tool.wait().unwrap().success());
}
