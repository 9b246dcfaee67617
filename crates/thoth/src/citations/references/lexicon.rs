//! Words by which the parts of an entry are told from each other.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether a lower-case word belongs to names: `van`, `de`.
pub(super) fn is_particle(word: &str) -> bool {
    super::super::names::is_particle(word)
        || matches!(
            word,
            "von"
                | "af"
                | "av"
                | "d'"
                | "d’"
                | "zum"
                | "'t"
                | "’t"
                | "dalla"
                | "degli"
                | "lo"
                | "san"
                | "st."
                | "ben"
                | "abu"
                | "op"
                | "te"
        )
}

/// Whether a word joins the last of several names.
pub(super) fn is_connector(word: &str) -> bool {
    matches!(word, "and" | "&" | "und" | "et" | "y" | "e" | "with" | "+" | "..." | "…")
}

/// Words that groups have in their names.
pub(super) fn is_group_word(word: &str) -> bool {
    GROUPS.contains(word.to_lowercase().trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Words that journals, proceedings and series have in their names, in lower case without dots.
pub(super) fn is_venue_word(word: &str) -> bool {
    VENUES.contains(word)
}

/// Words of publishers' names, in lower case without dots.
pub(super) fn is_publisher_word(word: &str) -> bool {
    PUBLISHERS.contains(word)
}

/// Cities that stand before or behind a publisher.
pub(super) fn is_city(name: &str) -> bool {
    CITIES.contains(name)
}

/// Words that say what kind of a work it is.
pub(super) fn is_genre(lower: &str) -> bool {
    let lower = &lower.replace('’', "'");
    [
        "phd thesis",
        "ph.d. thesis",
        "master's thesis",
        "masters thesis",
        "doctoral dissertation",
        "ph.d. dissertation",
        "phd dissertation",
        "technical report",
        "tech. rep",
        "dissertation",
        "diploma thesis",
        "m.s. thesis",
        "msc thesis",
        "master thesis",
        "thesis",
    ]
    .iter()
    .any(|genre| lower.starts_with(genre))
}

/// Months and seasons, whole or shortened, without dots, in lower case.
pub(super) fn is_month(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphabetic());
    !word.is_empty() && word.len() <= 12 && MONTHS.contains(word.to_lowercase().as_str())
}

/// Abbreviations after whose dot a sentence goes on, in lower case without the dot.
pub(super) fn is_abbreviation(word: &str) -> bool {
    ABBREVIATIONS.contains(word)
}

/// Words that groups have in their names.
static GROUPS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "collaboration collaborations organization organisation group institute institut ministry association \
     committee team commission agency department bank university society council center centre consortium \
     network foundation union project office bureau federation government authority board administration inc \
     corporation corp ltd gmbh company initiative alliance party nations service services investigators \
     college academy museum library e.v"
        .split(' ')
        .collect()
});

/// Words of the names of journals, proceedings and series, without dots.
static VENUES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "journal j journals jnl proceedings proc procs transactions trans review reviews rev letters lett annals \
     ann bulletin bull conference conf symposium symp workshop workshops congress magazine quarterly acta \
     archives arch archiv advances adv nature science lancet cell plos ieee acm siam aiaa notices \
     communications commun comm zeitschrift revue revista rivista annual handbook encyclopedia lecture lncs \
     jama pnas bmj bmc newsletter gazette times post news herald tribune yearbook jahrbuch studies int phys \
     chem biol med sci res eng math appl soc am psychol nucleic bioinformatics arxiv preprint cahiers annales \
     perspectives actes exp intl international biochem neurosci astrophys astron geophys surg clin guardian \
     reuters monde economist meeting colloquium jhep jinst apj mnras a&a aj icml nips neurips cvpr iccv eccv \
     icse iclr aaai ijcai acl emnlp"
        .split(' ')
        .collect()
});

/// Words of publishers' names, without dots.
static PUBLISHERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "press publishers publishing publications verlag books springer elsevier wiley routledge penguin \
     university univ blackwell sage macmillan palgrave presses editions éditions editorial edizioni presse \
     oup cup mit mcgraw-hill prentice addison-wesley harper knopf norton vintage random houghton birkhäuser \
     dover gallimard seuil puf minuit suhrkamp reimer gruyter brill kluwer plenum erlbaum pearson doubleday \
     scribner scribner's scribner’s putnam putnam's viking faber karger thieme crc taylor francis academic \
     o’reilly o'reilly hall sons media imprimerie dunod armand hachette harmattan farrar straus giroux beacon \
     basic"
        .split(' ')
        .collect()
});

/// Cities that stand before or behind a publisher.
static CITIES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "Paris; London; New York; Berlin; Oxford; Cambridge; Roma; Rome; Milano; Madrid; Barcelona; Leipzig; \
     München; Munich; Wien; Vienna; Amsterdam; Chicago; Boston; Philadelphia; Princeton; Berkeley; Bruxelles; \
     Lyon; Genève; Zürich; Frankfurt; Stuttgart; Tübingen; Göttingen; Heidelberg; Torino; Firenze; Bologna; \
     Lisboa; Leiden; Dordrecht; Edinburgh; Toronto; Tokyo; Moscow; Washington; San Francisco; Los Angeles; \
     Amherst; Stanford; New Haven; Hamburg; Köln; Bonn; Basel; Mexico; Buenos Aires; Rio de Janeiro; São \
     Paulo"
        .split("; ")
        .collect()
});

/// Months and seasons, whole or shortened, without dots.
static MONTHS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "january february march april may june july august september october november december jan feb mar apr \
     jun jul aug sep sept oct nov dec spring summer fall autumn winter janvier février mars avril mai juin \
     juillet août septembre octobre novembre décembre januar februar märz juni juli oktober dezember été \
     hiver printemps automne"
        .split(' ')
        .collect()
});

/// Abbreviations after whose dot a sentence goes on, without the dot.
static ABBREVIATIONS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "vol no nos pp p ed eds vs v etc dr st mr mrs ms prof cf al e.g i.e ca c rev lett phys proc conf trans \
     int j am soc sci eng chem biol med res appl math comput syst softw inf technol tech natl acad univ nat \
     jr sr bull ann arch adv acta clin exp mol biochem genet microbiol immunol neurosci psychol psychiatry \
     u.s u.k comm commun symp intl assoc dept inst mech electron electr opt mater struct astron astrophys \
     geophys environ theor ser sect suppl lond amer control autom dyn aerosp robot artif intell mach learn \
     crystallogr hypertens physiol pharmacol cardiol surg pathol endocrinol metab ther interdiscip knowl educ \
     manag oper stat probab anal num acc aust can brit eur scand jpn ger ital fr bd hrsg zool entomol bot \
     ecol evol geol meteorol oceanogr hist philos fig"
        .split(' ')
        .collect()
});
