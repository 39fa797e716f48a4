//! What the friends tell of themselves, and how it is asked for.

use super::Category;

/// Something that one message says.
pub(super) struct Single {
    pub(super) category: Category,
    /// What it is about; `{}` in the sentences stands for one of them.
    pub(super) values: &'static [&'static str],
    /// Sentences that say it.
    pub(super) statements: &'static [&'static str],
    /// What the other one asks, before an answer.
    pub(super) prompts: &'static [&'static str],
    /// Sentences that say it to whoever has asked.
    pub(super) answers: &'static [&'static str],
    /// Questions, in other words than the statements.
    pub(super) questions: &'static [&'static str],
    /// Sentences that take it back for another value; none when it cannot change.
    pub(super) corrections: &'static [&'static str],
}

/// Something that several messages say a part of.
pub(super) struct Joined {
    pub(super) parts: &'static [&'static str],
    pub(super) question: &'static str,
}

const fn single(
    values: &'static [&'static str],
    statements: &'static [&'static str],
    prompts: &'static [&'static str],
    answers: &'static [&'static str],
    questions: &'static [&'static str],
    corrections: &'static [&'static str],
) -> Single {
    Single {
        category: Category::Single,
        values,
        statements,
        prompts,
        answers,
        questions,
        corrections,
    }
}

const fn time(
    values: &'static [&'static str],
    statements: &'static [&'static str],
    questions: &'static [&'static str],
) -> Single {
    Single {
        category: Category::Time,
        values,
        statements,
        prompts: &[],
        answers: &[],
        questions,
        corrections: &[],
    }
}

pub(super) const SINGLE: &[Single] = &[
    single(
        &["the violin", "the clarinet", "the cello", "the trumpet"],
        &[
            "I have been learning to play {}, what a lovely instrument.",
            "I finally picked up {} again, twenty minutes every evening.",
            "My neighbours hate me, I have been practising {} all week.",
        ],
        &["Do you play anything?", "Are you musical at all?"],
        &["Yes, {}, since I was nine.", "A bit of {}, badly!"],
        &["What instrument does {name} play?", "Which instrument is {name} learning?"],
        &["I gave that one up, it is {} for me now."],
    ),
    single(
        &[
            "a labrador called Biscuit",
            "a grey cat called Pepper",
            "a rabbit called Clover",
            "two ferrets",
        ],
        &[
            "I adopted {} from the shelter, my first pet ever.",
            "We went to the shelter and came home with {}.",
            "Meet the newest member of the family: {}!",
        ],
        &["Did you end up getting one?"],
        &["We did, {}. The kids are over the moon."],
        &["What pet does {name} have?", "Which animal did {name} adopt?"],
        &[],
    ),
    single(
        &["nurse", "architect", "pastry chef", "civil engineer", "librarian"],
        &[
            "I got the job! I will be working as a {} from next month.",
            "Ten years as a {} and I still love getting up for it.",
            "They hired me as a {} at last, I start on Monday.",
        ],
        &["So what are you up to these days?"],
        &["I am working as a {}, it keeps me busy."],
        &["What does {name} do for a living?", "What is {name}'s profession?"],
        &["New contract, new title: I am a {} from now on."],
    ),
    single(
        &["Lisbon", "Edinburgh", "Montreal", "Gothenburg", "Valencia"],
        &[
            "I am moving to {} for the new job, it is a big move.",
            "The boxes are packed, the van comes on Friday, {} here we come.",
            "We signed the lease for the flat in {} today.",
        ],
        &["And where will you end up?"],
        &["It will be {}, the rents are kinder there."],
        &["Where is {name} moving to?", "Which city did {name} relocate to?"],
        &["Change of plan, the landlord backed out, so it is {} instead."],
    ),
    single(
        &["penicillin", "peanuts", "shellfish", "cat hair"],
        &[
            "My allergies are getting worse, {} is the main thing I react to.",
            "Spent the night in A&E, my face swelled up, it turned out to be {}.",
            "I cannot go near {}, I come out in a rash.",
        ],
        &[],
        &[],
        &["What is {name} allergic to?", "What sets off {name}'s allergy?"],
        &[],
    ),
    single(
        &["lasagne", "mushroom risotto", "green curry", "lentil soup"],
        &[
            "My favourite meal has to be {}, I cook it every week.",
            "If I could eat one thing for the rest of my life it would be {}.",
            "Nothing beats my gran's {}, I could live on it.",
        ],
        &["What shall I make when you come over?"],
        &["Oh, {} please, you know I cannot resist it."],
        &["What is {name}'s favourite dish?", "Which meal does {name} love most?"],
        &["I have gone off it completely. These days {} wins every time."],
    ),
    single(
        &["a half marathon", "a triathlon", "a 10k for the hospice", "a charity swim"],
        &[
            "I am getting ready for {}, my first race in years.",
            "I signed up for {}, somebody hold me to it.",
            "Training for {} is eating all my Saturdays.",
        ],
        &[],
        &[],
        &["What competition is {name} preparing for?", "Which race did {name} enter?"],
        &[],
    ),
    single(
        &["Middlemarch", "The Name of the Rose", "Piranesi", "The Left Hand of Darkness"],
        &[
            "I just finished reading {}, such a good book.",
            "I was up until three with {}, could not put it down.",
            "Just turned the last page of {}.",
        ],
        &["Anything good on your nightstand?"],
        &["{}, and it is wonderful."],
        &["What novel did {name} read?", "Which book has {name} finished?"],
        &[],
    ),
    single(
        &["Martha", "Beatrix", "Joaquin", "Anselm"],
        &[
            "My sister's baby is here, the name is {}.",
            "She had the baby! They named the little one {}.",
            "I am an aunt! Seven pounds, and {} is the name.",
        ],
        &[],
        &[],
        &["What is the newborn in {name}'s family called?"],
        &[],
    ),
    single(
        &["a broken wrist", "a torn ligament", "a slipped disc", "a cracked rib"],
        &[
            "I hurt myself on the stairs, it is {}.",
            "The doctor says it is {}, so no ladders for six weeks.",
            "I fell off the step and ended up with {}.",
        ],
        &["Why the sling?", "What did the doctor say?"],
        &["It is {}, from the stairs."],
        &["How was {name} injured?", "What injury did {name} have?"],
        &[],
    ),
    single(
        &["a red Mazda", "an electric Renault", "an old camper van", "a cargo bike"],
        &[
            "I bought {}, my first new car in ages.",
            "I drove {} off the lot this afternoon, still smells new.",
            "Sold the old thing and got {} in its place.",
        ],
        &[],
        &[],
        &["What vehicle did {name} buy?", "What car does {name} drive?"],
        &["The gearbox went, so we swapped it for {}."],
    ),
    single(
        &["marine biology", "art history", "computer science", "midwifery"],
        &[
            "I am going back to study {}, I start in autumn.",
            "The letter came: I got in, {} from September!",
            "Going back to university at my age, for {} of all things.",
        ],
        &["Have you settled on a course?"],
        &["{}, I sent the form yesterday."],
        &["What is {name} studying?", "What degree is {name} taking?"],
        &["I switched, by the way, the lectures bored me. It is {} now."],
    ),
    single(
        &["Aunt Rosalind", "my godfather", "my old piano teacher", "Grandpa Emil"],
        &[
            "{} died last week and it has been a hard time.",
            "{} passed away, the funeral is on Thursday.",
            "We lost {} in the night.",
        ],
        &[],
        &[],
        &["Who died in {name}'s life?", "Whose death was {name} grieving?"],
        &[],
    ),
    single(
        &["spiders", "flying", "heights", "deep water"],
        &[
            "I have always been scared of {}, it is a real fear.",
            "I froze up completely, {} terrify me.",
            "Ever since I was small I cannot cope with {}.",
        ],
        &[],
        &[],
        &["What is {name} afraid of?", "What phobia does {name} have?"],
        &[],
    ),
    single(
        &[
            "the food bank",
            "the animal shelter",
            "a night shelter for the homeless",
            "the library's reading scheme",
        ],
        &[
            "I started volunteering at {}, it is so rewarding.",
            "I give my Tuesday evenings to {} now, nothing has felt so worthwhile.",
            "Started helping out at {}.",
        ],
        &["What keeps you so busy in the evenings?"],
        &["I help at {}, they never have enough hands."],
        &["Where does {name} volunteer?", "Which charity does {name} support?"],
        &[],
    ),
    single(
        &["pottery", "beekeeping", "watercolours", "bookbinding", "fencing"],
        &[
            "I have a new hobby, I am really getting into {}.",
            "I went to my first {} class, my hands still ache.",
            "You will laugh, I have fallen for {}.",
        ],
        &["Have you found something to switch off with?"],
        &["{}! It clears my head like nothing else."],
        &["What new hobby did {name} take up?", "What pastime has {name} discovered?"],
        &[],
    ),
    single(
        &["a silver locket", "a fountain pen", "a signed record", "a hand-knitted scarf"],
        &[
            "I got {} as a birthday gift from my sister.",
            "Look what I unwrapped this morning: {}!",
            "My sister gave me {}, I nearly cried.",
        ],
        &[],
        &[],
        &["What present did {name} receive?", "What gift was {name} given?"],
        &[],
    ),
    single(
        &["Norway", "Sardinia", "Morocco", "the Azores"],
        &[
            "We are planning a trip to {}, my first vacation in two years.",
            "We booked it, two weeks in {} this summer.",
            "Flights to {} are paid, I have been staring at maps all day.",
        ],
        &["Where are you off to this year?"],
        &["{}! I have wanted to see it for ages."],
        &["Where is {name} going on holiday?", "What is {name}'s vacation destination?"],
        &["We had to rebook because of the strike, so {} it is."],
    ),
    single(
        &["coeliac disease", "type two diabetes", "asthma", "an underactive thyroid"],
        &[
            "I was diagnosed with {}, so I have to watch what I eat.",
            "The blood tests are back and it is {}, at least I know now.",
            "So there is a name for it after all: {}.",
        ],
        &["Did they find out what it was?"],
        &["They did. {}, so I have to change a few things."],
        &["What illness was {name} diagnosed with?", "What medical condition does {name} have?"],
        &[],
    ),
    single(
        &["Portuguese", "Mandarin", "Welsh", "sign language"],
        &[
            "I have been taking {} lessons, learning a language at my age!",
            "I do twenty minutes of {} on the train every day.",
            "My {} evening course starts again, wish me luck.",
        ],
        &[],
        &[],
        &["What language is {name} learning?"],
        &[],
    ),
    single(
        &["7 Orchard Lane", "42 Mill Road", "19 Harbour Street", "3 Chapel Hill"],
        &[
            "My new address is {}, come and visit.",
            "For the parcel: I live at {}.",
            "The new place is {}, blue door, do ring twice.",
        ],
        &["Where should I send it?"],
        &["{}, please."],
        &["What is {name}'s address?"],
        &["Post for me goes to {} from next month on."],
    ),
    single(
        &["stage manager", "head of department", "team lead", "deputy director"],
        &[
            "I got promoted at work, I am now {}!",
            "They made me {}, I am still shaking!",
            "Guess who has been named {} this morning.",
        ],
        &[],
        &[],
        &["What was {name} promoted to?", "What promotion did {name} get?"],
        &[],
    ),
    single(
        &["a food truck", "a second-hand bookshop", "a dance studio", "an online shop for candles"],
        &[
            "I am starting my own business, {}!",
            "I handed in my notice, I am opening {}.",
            "The bank said yes to the loan, so {} is really happening.",
        ],
        &[],
        &[],
        &["What business is {name} starting?", "What company did {name} found?"],
        &[],
    ),
    single(
        &["chess", "pub quiz", "table tennis", "backgammon"],
        &[
            "I won the {} competition last night!",
            "We came first in the {} tournament, the cup is on my shelf.",
            "I beat everyone at {} on Sunday and they gave me a medal.",
        ],
        &[],
        &[],
        &["What did {name} win a prize in?", "Which trophy did {name} win?"],
        &[],
    ),
    single(
        &["Fleetwood Mac", "a string quartet", "Radiohead", "a brass band"],
        &[
            "I went to a concert, {} were amazing.",
            "My ears are still ringing, {} were incredible live.",
            "Front row for {}, best evening in years.",
        ],
        &[],
        &[],
        &["Which concert did {name} attend?", "What band did {name} see?"],
        &[],
    ),
    single(
        &["cinnamon buns", "sourdough", "a lemon tart", "ginger biscuits"],
        &[
            "I baked {} on Sunday and the kids loved it.",
            "The whole flat smells of {}, fresh out of the oven.",
            "Third attempt at {}, and this time they rose.",
        ],
        &[],
        &[],
        &["What did {name} bake?"],
        &[],
    ),
    time(
        &["the dentist", "the notary", "the eye clinic", "the tax adviser"],
        &[
            "I was at {} yesterday, two hours in the waiting room.",
            "Finally got my appointment at {} over with last Thursday.",
        ],
        &["When did {name} go to {}?", "What day was {name}'s visit to {}?"],
    ),
    time(
        &["kayaking", "climbing", "skating", "horse riding"],
        &[
            "We tried {} last weekend, I am sore all over.",
            "I took the kids {} on Saturday, what a laugh.",
        ],
        &["When did {name} go {}?"],
    ),
    time(
        &[
            "the photography workshop",
            "the poetry reading",
            "the vintage fair",
            "the LED-light parade",
        ],
        &[
            "{} the other night was packed, I stayed until midnight.",
            "I made it to {} last Friday after all.",
        ],
        &["When did {name} attend {}?", "On which date was {name} at {}?"],
    ),
    time(
        &["my cousin", "my flatmate", "my best friend from school", "my brother"],
        &[
            "{} got married three weeks ago, I gave a speech.",
            "I cried like a child when {} said yes at the altar last month.",
        ],
        &["When was the wedding that {name} went to?"],
    ),
    time(
        &["a fence", "a treehouse", "a chicken coop", "a bookcase"],
        &[
            "I finished building {} two days ago, thumbs intact.",
            "Took me all of last week, but {} stands.",
        ],
        &["When did {name} complete {}?"],
    ),
    time(
        &["my driving licence", "my diploma", "my lifeguard badge", "my pilot's licence"],
        &[
            "Passed at the second try this morning, {} is mine!",
            "As of yesterday I have {} in my pocket.",
        ],
        &["When did {name} get the licence or certificate?", "When did {name} pass the test?"],
    ),
    time(
        &["quit smoking", "gave up coffee", "stopped eating meat", "deleted every social network"],
        &[
            "I {} a month ago and the first week was awful.",
            "It has been since New Year that I {}.",
        ],
        &["Since when has {name} {}?", "How long ago was it that {name} {}?"],
    ),
];

pub(super) const JOINED: &[Joined] = &[
    Joined {
        parts: &[
            "Sunday morning is for sketching by the canal.",
            "I joined the choir at last, second alto.",
            "My allotment gave us the first courgettes.",
            "Nothing calms me like knitting in front of the telly.",
            "I have started going bouldering after work.",
        ],
        question: "What hobbies does {name} have?",
    },
    Joined {
        parts: &[
            "Back from Vienna, I ate my weight in cake.",
            "Last spring in Porto we walked our feet off.",
            "Reykjavik in the dark season was magic.",
            "I still dream about the food in Hanoi.",
        ],
        question: "Which cities has {name} travelled to?",
    },
    Joined {
        parts: &[
            "My sister Judith is staying with us until Easter.",
            "I took my nephew to the science museum, he asked a thousand questions.",
            "Dad turned seventy and danced until two.",
            "My twin brother rang from his ship.",
        ],
        question: "Who is in {name}'s family?",
    },
    Joined {
        parts: &[
            "I watched Casablanca again and wept at the airport as always.",
            "Spirited Away on the big screen, what a treat.",
            "We fell asleep half way through Solaris.",
            "Paddington 2 is a masterpiece, I will not argue about it.",
        ],
        question: "What movies has {name} seen?",
    },
    Joined {
        parts: &[
            "A run around the reservoir sorts my head out.",
            "When work gets too much I lie in the bath for an hour.",
            "Ten minutes of breathing exercises before bed, and I sleep like a stone.",
            "I put on Bach and stare at the ceiling when it all gets too loud.",
        ],
        question: "How does {name} relax and deal with stress?",
    },
    Joined {
        parts: &[
            "The tomatoes on my balcony are as big as fists.",
            "I put in forty tulip bulbs before the frost.",
            "The lemon tree has its first flower!",
            "My basil died again, I am a murderer.",
        ],
        question: "What plants does {name} grow?",
    },
    Joined {
        parts: &[
            "The roof is leaking into the hall again.",
            "The boiler gave up this morning, we are all in coats.",
            "Mice! In my kitchen!",
            "Somebody upstairs flooded our ceiling.",
        ],
        question: "What problems has {name} had with the house?",
    },
    Joined {
        parts: &[
            "One day I want to sail across the Atlantic.",
            "I would love to write a children's book before I am fifty.",
            "My big wish is a little house by the sea.",
            "If I ever have the money I will open a school for circus arts.",
        ],
        question: "What are {name}'s dreams for the future?",
    },
    Joined {
        parts: &[
            "Badminton on Wednesdays has become sacred.",
            "I tore up the football pitch with the under-tens I coach.",
            "The water was eleven degrees, but I swam to the buoy and back.",
            "We rented skis and spent the day falling over.",
        ],
        question: "Which sports does {name} do?",
    },
    Joined {
        parts: &[
            "My manager rewrote my report without asking me.",
            "They cut the budget, two of my people have to go.",
            "Eleven meetings today, eleven!",
            "The client cancelled after three months of work.",
        ],
        question: "What went wrong at {name}'s job?",
    },
];
