//! A template of the program, and what it can make.

use super::registry::RegisteredTemplate;
use crate::key::{Automaton, Values};

/// A template as it was written, beside the texts that it can make.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) text: &'static str,
    pub(super) texts: Automaton,
}

impl Template {
    /// That of a key or a tag.
    pub(super) fn of_key(registered: &RegisteredTemplate) -> Self {
        let (literals, values) = parsed(registered);
        Self {
            text: registered.text,
            texts: Automaton::of_key(&literals, &values),
        }
    }

    pub(super) fn of_pattern(registered: &RegisteredTemplate) -> Self {
        let (literals, values) = parsed(registered);
        Self {
            text: registered.text,
            texts: Automaton::of_pattern(&literals, &values),
        }
    }
}

/// The text around its placeholders, and how their values are written. The attribute has checked it.
fn parsed(registered: &RegisteredTemplate) -> (Vec<String>, Vec<Values>) {
    let (mut literals, mut values) = (vec![String::new()], Vec::new());
    let mut types = registered.values.iter();
    let mut rest = registered.text;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, from_brace) = rest.split_at(at);
        let literal = literals.last_mut().expect("there is always one");
        literal.push_str(text);
        if let Some("{{" | "}}") = from_brace.get(..2) {
            literal.push_str(&from_brace[..1]);
            rest = &from_brace[2..];
            continue;
        }
        let (name, behind) = from_brace.split_once('}').unwrap_or((from_brace, ""));
        let of_type = types.next().map_or(Values::Unknown, |of_type| of_type());
        values.push(if name.ends_with(":hash") {
            Values::Hash
        } else {
            of_type
        });
        literals.push(String::new());
        rest = behind;
    }
    literals
        .last_mut()
        .expect("there is always one")
        .push_str(rest);
    (literals, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::values_of;

    #[test]
    fn a_template_is_taken_apart_at_its_placeholders() {
        let registered = RegisteredTemplate {
            text: "{{{user.name}}}:{id}_{filter:hash}",
            values: &[values_of::<str>, values_of::<u64>, values_of::<str>],
        };
        let (literals, values) = parsed(&registered);
        assert_eq!(literals, ["{", "}:", "_", ""]);
        assert_eq!(values, [Values::Text, Values::Integer, Values::Hash]);
    }

    #[test]
    fn a_type_is_known_by_what_it_is_and_not_by_its_name() {
        type Id = i32;
        #[expect(non_camel_case_types, reason = "it is called as the integer is")]
        struct u64;
        assert_eq!(values_of::<Id>(), Values::Integer);
        assert_eq!(values_of::<u64>(), Values::Text);
        assert_eq!(values_of::<uuid::Uuid>(), Values::Uuid);
        assert_eq!(values_of::<String>(), Values::Text);
    }
}
