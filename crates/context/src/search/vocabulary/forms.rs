//! Words that are one word to whoever asks.

/// A line has the forms of one word that the stemmer does not bring together: irregular verbs and
/// plurals, words of one family, short and long forms, numbers.
pub(super) const FORMS: &str = "\
go went gone
buy bought
bring brought
think thought
teach taught teacher
catch caught
fight fought
seek sought
build built builder
send sent
lend lent
spend spent
bend bent
leave left
lose lost loss
keep kept
sleep slept asleep
sweep swept
weep wept
feel felt
deal dealt
mean meant
dream dreamt
learn learnt learner
burn burnt
meet met meeting
feed fed
lead led leader
read reader
speed sped
bleed bled
breed bred
see saw seen
take took taken
shake shook shaken
give gave given
forgive forgave forgiven
eat ate eaten
fall fell fallen
come came
become became
run ran runner
begin began begun beginner beginning
swim swam swum swimmer
sing sang sung singer
ring rang rung
drink drank drunk
sink sank sunk
win won winner
hang hung
swing swung
stick stuck
strike struck
write wrote written writer
ride rode ridden rider
drive drove driven driver
rise rose risen
speak spoke spoken speaker speech
break broke broken
steal stole stolen
choose chose chosen choice
freeze froze frozen
wake woke woken
wear wore worn
tear tore torn
swear swore sworn
bear bore born birth
know knew known knowledge
grow grew grown growth
throw threw thrown
blow blew blown
fly flew flown flight
draw drew drawn drawing
show showed shown
hide hid hidden
bite bit bitten
find found
hold held
sell sold seller sale
tell told
say said
pay paid payment
make made maker
hear heard
sit sat
stand stood
understand understood
lie lay lain
get got gotten
forget forgot forgotten
shoot shot
slide slid
light lit
dig dug
feedback feedback
child children kid
man men
woman women
person people
foot feet
tooth teeth
mouse mice
goose geese
wife wives
knife knives
life lives
leaf leaves
shelf shelves
wolf wolves
half halves
bake baker bakery
paint painter
art artist artistic artwork
music musician musical
photo photograph photographer photography pic picture snapshot
dance dancer
cook cooking cooked
garden gardener gardening
farm farmer
hike hiker
camp camper campsite
climb climber
travel traveler traveller
volunteer voluntary
move mover relocate relocation
marry marriage married wedding
engage engagement
divorce divorced
adopt adoption adoptive
graduate graduation grad
educate education educational
study studies student
science scientist scientific
nurse nursing
doctor dr
psychology psychologist psychological
counsel counseling counselor counselling counsellor
therapy therapist therapeutic
pottery potter
sculpt sculpture sculptor
poem poetry poet
novel novelist
comedy comedian comedic
athlete athletic
compete competition competitor competitive
perform performance performer
exhibit exhibition
collect collection collector
design designer
invest investment investor
manage manager management
employ employment employer employee
promote promotion
retire retirement
apply application applicant
interview interviewer
decide decision
argue argument
arrive arrival
depart departure
visit visitor
guide guidance
permit permission
receive receipt reception
succeed success successful
fail failure
believe belief
live living
die death dead died
sick sickness ill illness
allergy allergic
injure injury injured hurt
diagnose diagnosis
pregnant pregnancy
strong strength
weigh weight
long length
high height
wide width
deep depth
hot heat
warm warmth
anxious anxiety
depressed depression
angry anger
proud pride
free freedom
lonely loneliness
curious curiosity
brave bravery
active activity
create creation creative creativity creator
inspire inspiration
motivate motivation
encourage encouragement
support supporter supportive
religion religious
spirit spiritual
church churches
politics political politician
history historical historic
nature natural
mountain mountainous
sun sunny
rain rainy
snow snowy
cloud cloudy
mom mother mum mommy mummy
dad father daddy
grandma grandmother granny gran
grandpa grandfather grandad granddad
brother bro
sister sis
husband hubby
girlfriend gf
boyfriend bf
doggo dog puppy pup doggy
cat kitty kitten
bike bicycle cycling cyclist
tv television
phone smartphone cellphone
laptop notebook
fridge refrigerator
plane airplane aeroplane
flat apartment
gym fitness
uni university
exam examination
math mathematics maths
lab laboratory
vet veterinarian veterinary
app application
movie film
favorite favourite fave
color colour
neighbor neighbour neighborhood neighbourhood
center centre
theater theatre
jewelry jewellery
license licence
practice practise
pajamas pyjamas
usa america american
uk britain british england english
2 two twice pair couple
3 three
4 four
5 five
6 six
7 seven
8 eight
9 nine
10 ten
11 eleven
12 twelve dozen
15 fifteen
20 twenty
30 thirty
40 forty
50 fifty
100 hundred
1000 thousand
german germany
french france
spanish spain
italian italy
japanese japan
chinese china
swedish sweden
mexican mexico
canadian canada
irish ireland
indian india
greek greece
thai thailand
korean korea
russian russia
polish poland
portuguese portugal
brazilian brazil
dutch netherlands holland
";
