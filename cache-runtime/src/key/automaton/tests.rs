//! No text that a template makes is left out, and two templates have none in common where no values make them equal.

use proptest::prelude::*;

use super::super::part::KeyPart;
use super::super::pattern::render as pattern;
use super::super::render as key;
use super::*;

/// `post:$` is a literal and a value of any text, `#` one of an integer, `@` a hash, `!` a UUID and `&` one of which
/// nothing is known.
fn parsed(template: &str) -> (Vec<String>, Vec<Values>) {
    let (mut literals, mut values) = (vec![String::new()], Vec::new());
    for c in template.chars() {
        let value = match c {
            '$' => Values::Text,
            '#' => Values::Integer,
            '@' => Values::Hash,
            '!' => Values::Uuid,
            '&' => Values::Unknown,
            c => {
                literals.last_mut().expect("there is one").push(c);
                continue;
            }
        };
        values.push(value);
        literals.push(String::new());
    }
    (literals, values)
}

fn of_key(template: &str) -> Automaton {
    let (literals, values) = parsed(template);
    Automaton::of_key(&literals, &values)
}

fn of_pattern(template: &str) -> Automaton {
    let (literals, values) = parsed(template);
    Automaton::of_pattern(&literals, &values)
}

fn accepts(automaton: &Automaton, text: &str) -> bool {
    automaton
        .common(&Automaton::of_key(&[text], &[]))
        .is_some_and(|common| common == text)
}

#[track_caller]
fn assert_meet(one: &Automaton, other: &Automaton, expected: bool, message: &str) {
    let common = one.common(other);
    assert_eq!(common.is_some(), expected, "{message}: {common:?}");
    assert_eq!(other.common(one).is_some(), expected, "{message}, reversed");
    if let Some(text) = common {
        assert!(
            accepts(one, &text) && accepts(other, &text),
            "{message}: {text}"
        );
    }
}

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn two_keys_that_can_be_equal_are_told_from_those_that_can_not() {
    for (one, other, expected) in [
        ("", "", true),
        ("", "$", true),
        ("a", "b", false),
        ("post:$", "post:$", true),
        ("post:$", "post:latest", true),
        ("post:$", "posts:$", false),
        ("post:#", "post:latest", false),
        ("post:#", "post:-12", true),
        ("post:#", "post:-", false),
        ("post:#", "post:$", true),
        ("post:!", "post:12", false),
        ("post:!", "post:67e55044-10b1-426f-9247-bb680e5fe0c8", true),
        ("post:@", "post:12", false),
        ("page:$", "page:$%v2", false),
        ("page:$", "page:%-", true),
        ("$ab$c", "acb", false),
        ("$_posts:page_$", "$_post_cache:$", false),
        ("$_post$", "$_posts:$", true),
        // In front of text a value has no colon, and at the end it has.
        ("a:$:b", "a:x:y:b", false),
        ("a:$", "a:x:y", true),
        // A brace of a value is escaped, and one of the template is not.
        ("$", "{", false),
        ("$", "%7B", true),
        ("{$}", "{a}", true),
        // The text that follows a value is not found in it.
        ("$-x-x", "$-x", false),
        ("$aa$", "$aab", true),
        ("$aab", "aaab", true),
        // A digit that would be taken for the text that follows is escaped.
        ("#-1", "12-1", true),
        ("#1", "21", true),
        ("#1", "211", false),
        ("#1", "2%jh1", true),
        // A hash stands as it is, whatever follows it.
        ("@a", &format!("{HASH}a"), true),
        ("$f$", &format!("{HASH}f"), true),
        ("$a", &format!("{HASH}a"), false),
        ("&a", &format!("{HASH}a"), true),
    ] {
        let message = format!("{one} {other}");
        assert_meet(&of_key(one), &of_key(other), expected, &message);
    }
}

#[test]
fn a_pattern_finds_keys_that_it_can_match() {
    for (one, other, expected) in [
        ("$_posts:*", "$_posts:page_$", true),
        ("$_posts:*", "latest_posts:global", true),
        ("$_posts:*", "$_post_cache:$", false),
        ("$_posts:*", "search:page_#:$", false),
        ("user_#:*", "user_me:page", false),
        ("user_$:*", "user_me:page", true),
        ("*:$:", "a:b", false),
        ("*:$:", "a:b:", true),
        ("a?c*", "abc", true),
        ("a?c*", "ac", false),
        ("a[bc]d*", "acd_$", true),
        ("a[^b-d]e*", "ace", false),
        ("\\*a*", "*a", true),
        ("\\*a*", "ba", false),
        ("[]*", "$", false),
        ("a*[b", "ab", true),
        // A value is itself, however it looks.
        ("$:*", "a*:b", true),
        ("$:x*", "a:b", false),
        // What is escaped, or stands in a class, along with a value may be anything.
        ("[$]b*", "zzz", true),
        ("\\$b*", "zzz", true),
        // So many forms are not compared: the server's glob alone is.
        ("$?$?a*", "{{{{a", true),
        ("$?a*", "{{a", false),
    ] {
        let message = format!("{one} {other}");
        assert_meet(&of_pattern(one), &of_key(other), expected, &message);
    }
}

/// All texts of at most so many of these characters.
fn all_texts(alphabet: &str, longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        let longer = |text: &String| {
            alphabet
                .chars()
                .map(move |c| format!("{text}{c}"))
                .collect()
        };
        last = last.iter().flat_map::<Vec<String>, _>(longer).collect();
        all.extend_from_slice(&last);
    }
    all
}

/// What a template makes of all these values.
fn all_keys(template: &str, values: &[String]) -> Vec<String> {
    let (literals, placeholders) = parsed(template);
    let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
    let made = |parts: &[&String]| match *parts {
        [] => key(&literals, []),
        [one] => key(&literals, [KeyPart::text(one)]),
        [one, two] => key(&literals, [KeyPart::text(one), KeyPart::text(two)]),
        _ => unreachable!("templates here have two at most"),
    };
    let lists: Vec<Vec<&String>> = match placeholders.len() {
        0 => vec![vec![]],
        1 => values.iter().map(|one| vec![one]).collect(),
        _ => values
            .iter()
            .flat_map(|one| values.iter().map(move |two| vec![one, two]))
            .collect(),
    };
    lists
        .iter()
        .map(|parts| made(parts).expect("text renders"))
        .collect()
}

/// Whether the attribute takes such a template: text stands between its placeholders.
fn is_template(template: &str) -> bool {
    !template.contains("$$") && template.matches('$').count() <= 2
}

/// Every pair of templates of at most four signs, beside all keys that they make of values of at most five.
#[test]
fn two_templates_meet_if_and_only_if_some_values_make_them_equal() {
    let values = all_texts("a:", 5);
    let templates: Vec<String> = all_texts("a:$", 4)
        .into_iter()
        .filter(|text| is_template(text))
        .collect();
    let keys: Vec<std::collections::HashSet<String>> = templates
        .iter()
        .map(|template| all_keys(template, &values).into_iter().collect())
        .collect();
    let automata: Vec<Automaton> = templates.iter().map(|template| of_key(template)).collect();
    let mut compared = 0;
    for one in 0..templates.len() {
        for other in one..templates.len() {
            let expected = !keys[one].is_disjoint(&keys[other]);
            let common = automata[one].common(&automata[other]);
            assert_eq!(
                common.is_some(),
                expected,
                "{} {} {common:?}",
                templates[one],
                templates[other]
            );
            compared += 1;
        }
    }
    assert!(compared > 2000, "{compared}");
}

/// The same for patterns, beside what the cache itself makes of them.
#[test]
fn a_pattern_reaches_a_template_if_and_only_if_some_values_make_it_match() {
    let values = all_texts("a:b", 3);
    let templates: Vec<String> = all_texts("a:$", 3)
        .into_iter()
        .filter(|text| is_template(text))
        .collect();
    let keys: Vec<Vec<String>> = templates
        .iter()
        .map(|template| all_keys(template, &values))
        .collect();
    let patterns = all_texts("a:?$", 3).into_iter().filter(|text| {
        text.matches('$').count() <= 1 && !text.ends_with(['$', '?']) && !text.is_empty()
    });
    let mut compared = 0;
    for glob in patterns.map(|pattern| format!("{pattern}*")) {
        let (literals, placeholders) = parsed(&glob);
        let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
        let made: Vec<_> = match placeholders.len() {
            0 => vec![pattern(&literals, []).expect("text renders")],
            _ => values
                .iter()
                .map(|value| pattern(&literals, [KeyPart::text(value)]).expect("text renders"))
                .collect(),
        };
        let automaton = of_pattern(&glob);
        for (template, keys) in templates.iter().zip(&keys) {
            let matches = |key: &String| made.iter().any(|pattern| pattern.matches(key.as_bytes()));
            // A server matches the empty key with no glob but two.
            let keys = keys.iter().filter(|key| !key.is_empty());
            let expected = keys.into_iter().any(matches);
            let common = automaton.common(&of_key(template));
            assert_eq!(common.is_some(), expected, "{glob} {template} {common:?}");
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared}");
}

/// Few characters, so that values and literals meet.
fn value() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        8 => "[a_:%{}57Bg*é]{0,6}".prop_map(Some),
        1 => Just(None),
        1 => "[ab]{250,260}".prop_map(Some),
    ]
}

fn part_of(value: Option<&String>) -> KeyPart {
    value.map_or_else(KeyPart::none, KeyPart::text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_key_of_a_template_is_one_of_its_texts(
        literals in ("[a_:%]{0,2}", "[a_:5B7gé{}*-][a_:%5B7gé{}*]{0,3}", prop_oneof![Just(String::new()), "[a_:5B7gé{}*-][a_:%5B7gé{}*]{0,3}"]),
        values in (value(), value()), kept_as_hash: bool,
    ) {
        let literals = [literals.0, literals.1, literals.2];
        let texts: Vec<&str> = literals.iter().map(String::as_str).collect();
        let second = if kept_as_hash { KeyPart::hash(&values.1) } else { part_of(values.1.as_ref()) };
        let made = key(&texts, [part_of(values.0.as_ref()), second]).expect("text renders");
        let known = if kept_as_hash { Values::Hash } else { Values::Text };
        prop_assert!(accepts(&Automaton::of_key(&literals, &[Values::Text, known]), &made), "{}", made);
        prop_assert!(accepts(&Automaton::of_key(&literals, &[Values::Unknown; 2]), &made), "{}", made);
    }

    #[test]
    fn every_integer_is_one_of_the_texts_of_integers(
        literals in ("[a_:%]{0,2}", "[a_:5B7g-][a_:%5B7g]{0,2}", prop_oneof![Just(String::new()), "[a_:5B7g-]{1,2}"]),
        values: (i64, u8),
    ) {
        let literals = [literals.0, literals.1, literals.2];
        let texts: Vec<&str> = literals.iter().map(String::as_str).collect();
        let made = key(&texts, [KeyPart::text(values.0), KeyPart::text(values.1)]).expect("text renders");
        prop_assert!(accepts(&Automaton::of_key(&literals, &[Values::Integer; 2]), &made), "{}", made);
    }

    #[test]
    fn what_a_pattern_matches_is_one_of_its_texts(
        first in "[a_:*]{0,2}", follows in "[a_:5B*?-][a_:5B*?\\[\\]\\\\^-]{0,3}", one in value(), also_key in "[a_:5B*%-]{0,8}",
        is_integer: bool, number: i16,
    ) {
        let literals = [first.clone(), format!("{follows}*")];
        let texts: Vec<&str> = literals.iter().map(String::as_str).collect();
        let (part, values) = if is_integer {
            (KeyPart::text(number), Values::Integer)
        } else {
            (part_of(one.as_ref()), Values::Text)
        };
        let made = pattern(&texts, [part]).expect("text renders");
        let automaton = Automaton::of_pattern(&literals, &[values]);
        let value = if is_integer { number.to_string() } else { one.unwrap_or_default() };
        let likely = key(&[&first.replace('*', ""), &follows], [KeyPart::text(&value)]).expect("text renders");
        for text in [likely, format!("{first}{value}{follows}"), format!("{value}{also_key}"), also_key] {
            if made.matches(text.as_bytes()) && !text.is_empty() {
                prop_assert!(accepts(&automaton, &text), "{:?} {}", made, text);
            }
        }
    }
}
