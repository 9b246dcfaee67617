//! A person's name in the parts that bibliographies need.

use serde_json::{Map, Value, json};

use crate::paper::Person;

/// A name in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Family name without its particle; the whole name of a group.
    pub family: String,
    /// Given names or initials; empty for a group, or where there are none.
    pub given: String,
    /// `van der`, `de la`: belongs to the family name, and is written in lower case.
    pub particle: String,
    /// `Jr.`, `III`.
    pub suffix: String,
}

const SUFFIXES: [&str; 7] = ["Jr", "Sr", "II", "III", "IV", "Jnr", "Snr"];

/// Words that name a group rather than a person.
const GROUP: [&str; 16] = [
    "collaboration",
    "collaborations",
    "consortium",
    "consortia",
    "team",
    "teams",
    "group",
    "groups",
    "committee",
    "institute",
    "university",
    "association",
    "organization",
    "organisation",
    "initiative",
    "network",
];

fn is_group(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.split_whitespace().any(|part| GROUP.contains(&part))
}

/// Given names with initials apart: an index of medicine prints `SR` where others print `S. R.`.
fn apart(given: &str) -> String {
    let bare = given.trim_end_matches('.');
    let are_initials = (2..=4).contains(&bare.chars().count()) && bare.chars().all(char::is_uppercase);
    if !are_initials {
        return given.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    bare.chars().map(|initial| format!("{initial}.")).collect::<Vec<_>>().join(" ")
}

impl Name {
    /// The parts of a full name, given names first, as papers print it: `Ludwig van der Berg Jr.`.
    pub fn of_full(full: &str) -> Self {
        let mut words: Vec<&str> = full.split_whitespace().collect();
        if words.len() < 2 || is_group(full) || full.contains(',') {
            return Self { family: words.join(" "), ..Self::default() };
        }
        let mut suffix = String::new();
        if words.len() > 2
            && let Some(last) = words.last().filter(|last| is_suffix(last))
        {
            suffix = (*last).to_owned();
            words.pop();
        }
        let family = words.pop().unwrap_or_default().to_owned();
        // Particles stand before the family name; a name that begins with one has no given names.
        let mut start = words.len();
        while start > 1 && words.get(start - 1).is_some_and(|word| is_particle(word)) {
            start -= 1;
        }
        let particle = words.split_off(start).join(" ");
        Self { family, given: words.join(" "), particle, suffix }
    }

    /// The parts of a name whose family name is known, particle included.
    pub fn of_person(person: &Person) -> Self {
        if is_group(&person.family) {
            let whole = format!("{} {}", person.given, person.family);
            return Self { family: whole.trim().to_owned(), ..Self::default() };
        }
        let words: Vec<&str> = person.family.split_whitespace().collect();
        let start = words.iter().take_while(|word| is_particle(word)).count();
        let (particle, family) =
            words.split_at_checked(start.min(words.len().saturating_sub(1))).unwrap_or_default();
        Self {
            family: family.join(" "),
            given: apart(&person.given),
            particle: particle.join(" "),
            suffix: String::new(),
        }
    }

    /// The name as CSL-JSON.
    pub fn csl_json(&self) -> Value {
        if self.given.is_empty() && self.particle.is_empty() {
            return json!({ "literal": self.family });
        }
        let parts = [
            ("family", &self.family),
            ("given", &self.given),
            ("non-dropping-particle", &self.particle),
            ("suffix", &self.suffix),
        ];
        let present = parts.into_iter().filter(|(_, part)| !part.is_empty());
        Value::Object(present.map(|(key, part)| (key.to_owned(), json!(part))).collect::<Map<_, _>>())
    }
}

fn is_suffix(word: &str) -> bool {
    SUFFIXES.contains(&word.trim_end_matches('.'))
}

/// Lower-case words before a family name; initials have a point or a capital.
fn is_particle(word: &str) -> bool {
    word.chars().all(|c| c.is_lowercase() || matches!(c, '\'' | '’')) && word.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_as_references_print_them() {
        let check = |family: &str, given: &str, parts: [&str; 3]| {
            let name = Name::of_person(&Person { family: family.to_owned(), given: given.to_owned() });
            assert_eq!([&name.given, &name.particle, &name.family], parts, "{given} {family}");
        };
        check("Eddy", "SR.", ["S. R.", "", "Eddy"]);
        check("Altschul", "SF", ["S. F.", "", "Altschul"]);
        check("Li", "W.", ["W.", "", "Li"]);
        check("van der Berg", "Ludwig", ["Ludwig", "van der", "Berg"]);
        check("Collaborations", "The ATLAS and CMS", ["", "", "The ATLAS and CMS Collaborations"]);
    }

    #[test]
    fn full_names_have_parts() {
        let check = |full: &str, given: &str, particle: &str, family: &str, suffix: &str| {
            let name = Name::of_full(full);
            let found = [&name.given, &name.particle, &name.family, &name.suffix].map(String::as_str);
            assert_eq!(found, [given, particle, family, suffix], "{full}");
        };
        check("Ada Lovelace", "Ada", "", "Lovelace", "");
        check("Ludwig van der Berg", "Ludwig", "van der", "Berg", "");
        check("J. R. R. Tolkien", "J. R. R.", "", "Tolkien", "");
        check("Martin Luther King Jr.", "Martin Luther", "", "King", "Jr.");
        check("Émilie du Châtelet", "Émilie", "du", "Châtelet", "");
        check("The ATLAS Collaboration", "", "", "The ATLAS Collaboration", "");
        check("bell hooks", "bell", "", "hooks", "");
        check("Plato", "", "", "Plato", "");
        check("", "", "", "", "");
    }

    #[test]
    fn a_particle_is_taken_off_a_known_family_name() {
        let check = |family: &str, particle: &str, rest: &str| {
            let name = Name::of_person(&Person { family: family.to_owned(), given: "L.".to_owned() });
            assert_eq!((name.particle.as_str(), name.family.as_str()), (particle, rest));
        };
        check("van der Berg", "van der", "Berg");
        check("García Márquez", "", "García Márquez");
        check("de la", "de", "la");
        check("", "", "");
    }
}
