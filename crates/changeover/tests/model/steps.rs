//! What can happen to an engine, and the strategy that makes stories of it.

use proptest::prelude::*;

use crate::product::Settings;

/// The words of a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    Good(Said),
    /// Cut off in the middle.
    Half,
    /// A text where a number belongs.
    WrongType,
    /// No byte at all.
    Empty,
    /// An object that says nothing: fine at a start alone.
    Nothing,
    /// The product's check panics over it.
    CheckPanics,
}

/// What a good text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub pair: u8,
    pub llm: u8,
    pub fault: Fault,
    /// Other bytes, the same settings.
    pub note: u16,
}

/// What the preparation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It succeeds where the world allows it.
    AsksTheWorld,
    Panics,
    Hangs,
}

/// How a text gets into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Rename,
    InPlace,
    /// Truncated and closed, then written in two parts.
    InParts,
}

/// What a proposal says that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    NotSaid,
    Present,
    Other,
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Save(Text, Way),
    /// Saves that do not wait for each other. Their texts are told apart by their notes.
    Burst(Vec<(Text, Way)>),
    Delete,
    Propose(Text, Seen),
    /// Whoever proposes does not wait for it.
    ProposeAndLeave(Text),
    Reload,
    /// As a reload, for what is in quarantine too.
    TryAgain,
    /// The world refuses from now on, or allows.
    World {
        refuses: bool,
    },
    /// The live settings are prepared once more; whether something that they are built from has changed.
    Refresh {
        changed: bool,
    },
    /// The live `llm` was used, and it worked.
    Worked,
    /// It failed where the one before it works.
    Failed,
    /// A unit of work takes the live generation, and holds it until the next one does.
    Hold,
    /// The engine ends and another one starts; what is saved between.
    Restart(Option<Text>),
}

impl Said {
    pub fn settings(self) -> Settings {
        let llm = ["", "sk-one", "sk-two", "sk-three"][usize::from(self.llm)].to_owned();
        let fault = match self.fault {
            Fault::None => "",
            Fault::AsksTheWorld => "ask the world",
            Fault::Panics => "panic",
            Fault::Hangs => "hang",
        };
        Settings { pair: i64::from(self.pair), llm, fault: fault.to_owned() }
    }
}

impl Text {
    pub fn bytes(self) -> String {
        match self {
            Self::Good(said) => {
                let Settings { pair, llm, fault } = said.settings();
                format!(r#"{{"pair": {pair}, "llm": "{llm}", "fault": "{fault}"}} // {}"#, said.note)
            }
            Self::Half => r#"{"pair": 1, "llm": "sk-h"#.to_owned(),
            Self::WrongType => r#"{"pair": "one", "llm": "sk-wrong"}"#.to_owned(),
            Self::Empty => String::new(),
            Self::Nothing => "{}".to_owned(),
            Self::CheckPanics => r#"{"panic": true}"#.to_owned(),
        }
    }

    /// With another note, where there can be one.
    fn noted(self, note: u16) -> Self {
        match self {
            Self::Good(said) => Self::Good(Said { note, ..said }),
            bad => bad,
        }
    }
}

fn said(fault: impl Strategy<Value = Fault>) -> impl Strategy<Value = Text> {
    (0..3_u8, 0..4_u8, fault, 0..2_u16)
        .prop_map(|(pair, llm, fault, note)| Text::Good(Said { pair, llm, fault, note }))
}

fn bad() -> impl Strategy<Value = Text> {
    prop_oneof![
        Just(Text::Half),
        Just(Text::WrongType),
        Just(Text::Empty),
        Just(Text::Nothing),
        Just(Text::CheckPanics),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    let fault = prop_oneof![
        12 => Just(Fault::None),
        4 => Just(Fault::AsksTheWorld),
        1 => Just(Fault::Panics),
        1 => Just(Fault::Hangs),
    ];
    prop_oneof![5 => said(fault), 1 => bad()]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Rename), Just(Way::InPlace), Just(Way::InParts)]
}

fn burst() -> impl Strategy<Value = Step> {
    let text = prop_oneof![6 => said(Just(Fault::None)), 1 => bad()];
    let last = said(Just(Fault::None));
    (prop::collection::vec((text, way()), 1..5), last, way()).prop_map(|(mut saves, last, how)| {
        saves.push((last, how));
        let noted = saves.into_iter().zip(100..).map(|((text, way), note)| (text.noted(note), way));
        Step::Burst(noted.collect())
    })
}

fn step() -> impl Strategy<Value = Step> {
    let seen = prop_oneof![3 => Just(Seen::NotSaid), 2 => Just(Seen::Present), 1 => Just(Seen::Other)];
    prop_oneof![
        12 => (text(), way()).prop_map(|(text, way)| Step::Save(text, way)),
        2 => burst(),
        1 => Just(Step::Delete),
        7 => (text(), seen).prop_map(|(text, seen)| Step::Propose(text, seen)),
        3 => text().prop_map(Step::ProposeAndLeave),
        3 => Just(Step::Reload),
        2 => Just(Step::TryAgain),
        4 => any::<bool>().prop_map(|refuses| Step::World { refuses }),
        3 => any::<bool>().prop_map(|changed| Step::Refresh { changed }),
        4 => Just(Step::Worked),
        5 => Just(Step::Failed),
        2 => Just(Step::Hold),
        3 => prop::option::of(text()).prop_map(Step::Restart),
    ]
}

/// Fewer commits than the engine holds on trial at a time: which of them end early then, its own tests say.
const STEPS_MAX: usize = 14;

/// What stands in the file at the first start, and what happens then.
pub fn story() -> impl Strategy<Value = (Option<Text>, Vec<Step>)> {
    let first = prop::option::weighted(0.8, prop_oneof![6 => said(Just(Fault::None)), 1 => bad()]);
    (first, prop::collection::vec(step(), 1..STEPS_MAX))
}
