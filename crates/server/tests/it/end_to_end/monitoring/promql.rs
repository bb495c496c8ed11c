//! As much of `PromQL` as it takes to see which series an expression asks for.

use std::iter::Peekable;

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Each metric with its matchers: label and value.
    pub(super) metrics: Vec<(String, Vec<(String, String)>)>,
    /// Labels that it groups or joins by.
    pub(super) labels: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Words that take a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Words between expressions.
const BETWEEN: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// Reads `expression`.
#[track_caller]
pub(super) fn asked(expression: &str) -> Asked {
    let mut asked = Asked::default();
    let mut tokens = tokens(expression).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let Token::Word(word) = token else { continue };
        if LISTS.contains(&word.as_str()) {
            asked.labels.extend(list(&mut tokens));
        } else if tokens.peek() == Some(&Token::Sign('{')) {
            let matchers = matchers(&mut tokens);
            asked.metrics.push((word, matchers));
        } else if tokens.peek() != Some(&Token::Sign('('))
            && !follows(&mut tokens)
            && !BETWEEN.contains(&word.as_str())
        {
            asked.metrics.push((word, Vec::new()));
        }
    }
    asked
}

/// Whether a list of labels comes next: `sum by (..)`.
fn follows(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> bool {
    matches!(tokens.peek(), Some(Token::Word(word)) if LISTS.contains(&word.as_str()))
}

/// The words in `( .. )`.
fn list(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Vec<String> {
    assert_eq!(tokens.next(), Some(Token::Sign('(')));
    let inside = tokens.take_while(|token| *token != Token::Sign(')'));
    inside
        .filter_map(|token| if let Token::Word(word) = token { Some(word) } else { None })
        .collect()
}

/// The matchers in `{ .. }`.
fn matchers(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Vec<(String, String)> {
    let mut matchers = Vec::new();
    let mut label = None;
    for token in tokens.take_while(|token| *token != Token::Sign('}')) {
        match token {
            Token::Word(word) => label = Some(word),
            Token::Text(value) => matchers.push((label.take().expect("a label"), value)),
            Token::Sign(_) => {}
        }
    }
    matchers
}

/// Words, texts in quotes and signs; ranges (`[5m]`) and numbers are left out.
fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(first) = rest.next() {
        let is_word = |letter: &char| letter.is_ascii_alphanumeric() || "_:".contains(*letter);
        if first == '"' {
            tokens.push(Token::Text(rest.by_ref().take_while(|letter| *letter != '"').collect()));
        } else if first == '[' {
            rest.by_ref().find(|letter| *letter == ']').expect("a range that ends");
        } else if first.is_ascii_digit() {
            while rest.next_if(|letter| is_word(letter) || *letter == '.').is_some() {}
        } else if is_word(&first) {
            let mut word = String::from(first);
            word.extend(std::iter::from_fn(|| rest.next_if(is_word)));
            tokens.push(Token::Word(word));
        } else if !first.is_whitespace() {
            tokens.push(Token::Sign(first));
        }
    }
    tokens
}

#[test]
fn metrics_are_told_from_functions_labels_and_words_between() {
    let expression = r#"histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{x=~"1|2", y!="z"}[5m])))
        / on (node) group_left (v) count(b) > bool 1e3 and sum(c{}) without (d) unless up offset 5m"#;
    let asked = asked(expression);
    let names: Vec<_> = asked.metrics.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a_bucket", "b", "c", "up"]);
    assert_eq!(asked.metrics[0].1, [("x".into(), "1|2".into()), ("y".into(), "z".into())]);
    assert_eq!(asked.labels, ["le", "route", "node", "v", "d"]);
}
