//! What friends say when they say nothing in particular.

use super::random::Random;

/// The topic that is being talked about.
#[derive(Default)]
pub(super) struct Chatter {
    topic: usize,
}

struct Topic {
    things: &'static [&'static str],
    doings: &'static [&'static str],
    details: &'static [&'static str],
}

const GREETINGS: &[&str] = &[
    "Hey {name}! Long time no talk, how have you been?",
    "Hi {name}, good to hear from you again!",
    "Morning {name}! What is new with you?",
    "{name}! I was just thinking about you.",
    "Hello {name}, have you got a minute?",
    "Hey! Sorry that I was so quiet lately.",
];

const OPENERS: &[&str] = &[
    "",
    "",
    "",
    "",
    "Honestly, ",
    "Ha, ",
    "You know, ",
    "Oh, ",
    "Well, ",
    "Wow, ",
    "I see! ",
    "Sounds good. ",
    "That is so true, {name}. ",
    "I hear you. ",
    "Right? ",
    "Thanks, {name}! ",
    "Absolutely. ",
    "Fair enough. ",
    "No way! ",
    "Aw, ",
    "Good point. ",
    "Same here. ",
];

/// `{thing}`, `{doing}` and `{detail}` are the topic's.
const SENTENCES: &[&str] = &[
    "I have been thinking about {thing} a lot lately, mostly because of {detail}.",
    "my week was all about {doing}, and {thing} on top of it.",
    "there is something about {thing} that always puts me in a good mood.",
    "the best part of {doing} is {detail}, if you ask me.",
    "I tried {doing} with my neighbour and we both ended up laughing about {detail}.",
    "I could talk about {thing} for hours, but I will spare you.",
    "somebody at work would not stop going on about {thing} and {detail}.",
    "it is funny how {doing} reminds me of when we were students.",
    "last time I looked into {thing} it cost twice as much, because of {detail}.",
    "I am no expert, but {doing} without {detail} makes no sense to me.",
    "my cousin swears by {thing}, and she is usually right about {detail}.",
    "we should do some {doing} when you come over.",
    "I read an article about {thing} that changed my mind on {detail}.",
    "I keep telling myself that I need more {doing} and less worrying about {detail}.",
    "everyone in my street seems to be into {doing} these days.",
    "between you and me, {thing} is a bit overrated, but {detail} is lovely.",
    "I spent half the day on {doing}, and the other half recovering from {detail}.",
    "the kids next door asked me about {thing} and I had no answer.",
    "I took a few photos of {thing}, remind me to show you.",
    "it rained the whole time, so {doing} had to wait.",
    "what helped me was to start small: {detail} first, {thing} later.",
    "you were right about {thing}, by the way.",
    "I would not mind a quiet weekend with {thing}.",
    "they closed the place for {doing} near the station, such a pity.",
];

const ENDINGS: &[&str] = &[
    "",
    "",
    "",
    "",
    " How about you?",
    " What do you think?",
    " Do you remember?",
    " Crazy, right?",
    " Have you ever tried it?",
    " Anyway.",
    " I am so glad we talked about it.",
    " What is your take on {detail}?",
    " Are you still into {doing}?",
    " Tell me more!",
    " Any plans for the weekend?",
    " Did you hear about {thing}?",
];

const BEFORE: &[&str] = &[
    "",
    "",
    "",
    "Big news! ",
    "By the way, ",
    "Not much else, but ",
    "You will not believe it. ",
    "Oh, before I forget: ",
];

const AFTER: &[&str] = &[
    "",
    "",
    "",
    " I wanted you to be the first to know.",
    " Anyway, how are things on your side?",
    " It has been quite a ride.",
    " Wish me luck!",
    " I am still getting used to it.",
];

const TOPICS: &[Topic] = &[
    Topic {
        things: &["the farmers' market", "fresh bread", "that cheese stall", "a slow cooker"],
        doings: &["cooking", "meal planning", "trying new recipes"],
        details: &["the spices", "the washing-up", "burnt onions", "leftovers"],
    },
    Topic {
        things: &["the old cinema", "that crime series", "a good documentary"],
        doings: &["watching films", "binge-watching", "arguing about endings"],
        details: &["the soundtrack", "the popcorn", "the subtitles", "the plot holes"],
    },
    Topic {
        things: &["the park", "the coastal path", "the pine forest", "the hills"],
        doings: &["hiking", "walking", "camping"],
        details: &["the mud", "the view", "my boots", "the mosquitoes"],
    },
    Topic {
        things: &["the office", "the new software", "that project"],
        doings: &["writing reports", "sitting in meetings", "answering mail"],
        details: &["the deadline", "the coffee machine", "my inbox", "the boss"],
    },
    Topic {
        things: &["the garden", "a raised bed", "the compost heap"],
        doings: &["weeding", "gardening", "mowing"],
        details: &["the slugs", "the frost", "the roses", "the hosepipe"],
    },
    Topic {
        things: &["the train", "the airport", "a cheap flight"],
        doings: &["travelling", "packing", "planning trips"],
        details: &["the delays", "the luggage", "the jet lag", "a window seat"],
    },
    Topic {
        things: &["the gym", "a pair of running shoes", "my step counter"],
        doings: &["working out", "running", "stretching"],
        details: &["my knees", "the playlist", "the showers", "sore legs"],
    },
    Topic {
        things: &["the library", "a paperback", "the book club"],
        doings: &["reading", "browsing shelves", "swapping novels"],
        details: &["the late fees", "the cover", "the last chapter", "the translator"],
    },
    Topic {
        things: &["my guitar", "the jazz night", "an old record player"],
        doings: &["practising scales", "going to concerts", "singing along"],
        details: &["the bass", "the crowd", "the lyrics", "the encore"],
    },
    Topic {
        things: &["the dog park", "my sister's cat", "the vet"],
        doings: &["walking dogs", "feeding the birds", "brushing the cat"],
        details: &["the fur everywhere", "the treats", "the leash", "muddy paws"],
    },
    Topic {
        things: &["the weather", "the heat wave", "this fog"],
        doings: &["waiting for spring", "airing the flat", "shovelling snow"],
        details: &["the humidity", "the umbrella", "the forecast", "the wind"],
    },
    Topic {
        things: &["the kitchen tiles", "that sofa", "the hallway"],
        doings: &["painting walls", "moving furniture", "fixing things"],
        details: &["the dust", "the colour", "the noise", "the plumber"],
    },
    Topic {
        things: &["the school play", "homework", "the parents' evening"],
        doings: &["helping with maths", "packing lunches", "driving to practice"],
        details: &["the costumes", "the teacher", "the schedule", "lost gloves"],
    },
    Topic {
        things: &["my phone", "the new update", "that tablet"],
        doings: &["backing up photos", "setting up accounts", "scrolling"],
        details: &["the battery", "the passwords", "the adverts", "the camera"],
    },
    Topic {
        things: &["the gallery", "street art", "the exhibition"],
        doings: &["drawing", "painting", "visiting museums"],
        details: &["the light", "the colours", "the queue", "the catalogue"],
    },
    Topic {
        things: &["savings", "the rent", "the tax form"],
        doings: &["budgeting", "comparing prices", "selling old stuff"],
        details: &["the interest", "the receipts", "the fees", "the bank"],
    },
    Topic {
        things: &["the wedding season", "a birthday party", "the invitation"],
        doings: &["dancing", "choosing presents", "baking cakes"],
        details: &["the speeches", "the seating plan", "the flowers", "the dress code"],
    },
    Topic {
        things: &["the beach", "the lake", "a swimming pool"],
        doings: &["swimming", "sunbathing", "surfing"],
        details: &["the sand", "the waves", "the sunscreen", "the ice cream"],
    },
    Topic {
        things: &["sleep", "a quiet evening", "my routine"],
        doings: &["meditating", "journaling", "doing yoga"],
        details: &["the stress", "my phone in bed", "herbal tea", "early mornings"],
    },
    Topic {
        things: &["the football match", "the league table", "the stadium"],
        doings: &["shouting at the referee", "playing five-a-side", "following the cup"],
        details: &["the penalty", "the goalkeeper", "the away fans", "the season ticket"],
    },
    Topic {
        things: &["the neighbourhood", "the corner shop", "the street party"],
        doings: &["volunteering", "chatting over the fence", "organising things"],
        details: &["the parking", "the bunting", "the council", "the noise"],
    },
    Topic {
        things: &["board games", "that puzzle", "a new console"],
        doings: &["playing chess", "rolling dice", "gaming"],
        details: &["the rules", "the missing piece", "the score", "the snacks"],
    },
    Topic {
        things: &["my bike", "the cycle lane", "a flat tyre"],
        doings: &["cycling", "commuting", "repairing brakes"],
        details: &["the traffic", "the helmet", "the hills", "the rain"],
    },
    Topic {
        things: &["the doctor", "a check-up", "vitamins"],
        doings: &["eating better", "sleeping more", "cutting down on sugar"],
        details: &["the waiting room", "my back", "the results", "the side effects"],
    },
];

impl Chatter {
    pub(super) fn change_topic(&mut self, random: &mut Random) {
        self.topic = random.below(TOPICS.len());
    }

    /// One or two sentences on the topic.
    pub(super) fn turn(&self, random: &mut Random, other: &str) -> String {
        let mut text = random.pick(OPENERS).to_owned();
        text.push_str(random.pick(SENTENCES));
        if random.one_in(3) {
            text.push_str(" And ");
            text.push_str(random.pick(SENTENCES));
        }
        text.push_str(random.pick(ENDINGS));
        if let Some(topic) = TOPICS.get(self.topic) {
            for (slot, words) in
                [("{thing}", topic.things), ("{doing}", topic.doings), ("{detail}", topic.details)]
            {
                while text.contains(slot) {
                    text = text.replacen(slot, random.pick(words), 1);
                }
            }
        }
        capitalised(&text.replace("{name}", other))
    }
}

/// Opens a sitting.
pub(super) fn greeting(random: &mut Random, other: &str) -> String {
    random.pick(GREETINGS).replace("{name}", other)
}

/// A sentence with small talk around it.
pub(super) fn around(random: &mut Random, sentence: &str) -> String {
    format!("{}{sentence}{}", random.pick(BEFORE), random.pick(AFTER))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
