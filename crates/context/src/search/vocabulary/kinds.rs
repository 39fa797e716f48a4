//! Words that may be said for each other, and kinds with what is of them.

/// A line has words of which each may stand for the others.
pub(super) const SYNONYMS: &str = "\
job work career profession occupation position employment gig
boss manager supervisor
colleague coworker teammate
company firm business employer startup
business shop store startup
hobby pastime interest passion leisure activity
activity event outing
home house apartment flat place
move relocate settle
country nation homeland
city town village
trip vacation holiday travel journey getaway tour visit
roadtrip trip drive
airport flight
hotel hostel airbnb resort
child baby toddler newborn son daughter
parent mom dad
spouse husband wife partner
partner boyfriend girlfriend fiance fiancee
friend buddy pal bestie
marry engage propose wedding
date relationship romantic single
study course class degree school major program
school college university
class lesson workshop course
teacher instructor tutor professor coach
speech talk presentation
win award prize medal trophy champion
race marathon run 5k
contest competition tournament championship race
exercise workout gym fitness training train
game match
team club league
concert show gig festival perform
band group
song tune track music
novel book read story
author writer novelist
film movie watch
show series tv episode
painting art draw sketch canvas
picture photo
craft handmade diy
cook recipe dish meal bake
food meal dish snack cuisine
restaurant cafe diner bistro eatery
dessert cake sweet
drink beverage
vegetarian vegan
illness disease sick condition diagnose
doctor physician hospital clinic surgeon
surgery operation
pain ache sore hurt injury
injury sprain fracture broken
medicine medication pill prescription
therapy counseling mental
stress anxiety overwhelm pressure worry
relax unwind destress calm peace
meditate meditation yoga mindfulness
happy excited thrilled glad joy
sad upset depressed
angry mad furious annoyed
scared afraid fear phobia terrified
tired exhausted
proud accomplishment achievement
goal dream ambition aspiration
support help encourage
help assist volunteer
charity fundraiser donate nonprofit donation
donate give donation
homeless shelter
community group
meeting gathering conference
party celebration celebrate birthday
present gift surprise
buy purchase get order
sell sold
cost price pay expensive
money finance savings budget
car vehicle suv truck
accident crash
fix repair broke
phone mobile
computer laptop pc
app software
website site blog online
video vlog youtube
learn study
begin start
stop quit end
lose miss
find discover
create make build
meet encounter
grow plant garden
beach ocean sea coast
forest woods trail
hike trail mountain
lake river
storm hurricane flood
necklace jewelry pendant
clothes outfit dress
symbol symbolize represent meaning
remind reminder memory memorable
memory remember memories
religion faith church
lgbtq queer gay lesbian transgender bisexual
old age birthday
born birthday
nickname call name
allergy allergic intolerant
cheap affordable
rescue adopt shelter
destination place trip
advice tip suggest recommend
recommend suggest recommendation
afraid worry
difficult hard tough challenge struggle
challenge obstacle setback
change transform
important matter value
army military veteran soldier
die pass funeral grief
passed died death
";

/// A line has words for a kind, and behind the colon words for what is of it.
pub(super) const KINDS: &str = "\
pet animal:dog cat puppy kitten hamster rabbit bunny parrot fish turtle snake lizard guinea bird horse pony
animal wildlife:bear deer fox wolf lion tiger elephant monkey owl eagle whale dolphin shark squirrel cow goat sheep pig chicken duck
instrument:guitar piano violin drum flute clarinet saxophone cello trumpet keyboard ukulele harp bass banjo trombone oboe
sport:soccer football basketball tennis baseball volleyball hockey golf swimming running cycling rugby cricket surfing skiing snowboarding boxing karate badminton climbing martial
exercise workout:running swimming cycling yoga pilates weights jogging boxing hiking cardio
hobby activity pastime interest:painting pottery reading writing gardening knitting photography hiking camping cooking baking fishing dancing singing chess sewing crochet woodworking birdwatching surfing swimming running yoga drawing guitar piano gaming skating kayaking
outdoor activity:hiking camping kayaking fishing climbing picnic canoeing biking skiing surfing beach park
craft:pottery knitting crochet sewing woodworking origami quilting jewelry candle embroidery ceramics
art artwork:painting drawing sculpture pottery mural sketch watercolor ceramics portrait canvas exhibit gallery
food meal dish cuisine:pizza pasta sushi salad soup curry burger taco sandwich steak chicken salmon lasagna noodles rice stew bread cheese pancake
dessert treat:cake cookie pie cupcake brownie chocolate icecream cream tart pudding donut muffin
drink beverage:coffee tea wine beer juice smoothie soda cocktail latte
fruit:apple banana orange strawberry blueberry mango peach grape pear cherry lemon
vegetable:carrot tomato potato spinach broccoli pepper cucumber lettuce onion zucchini
plant flower garden:rose tulip sunflower lily orchid succulent cactus daisy herb basil tomato seed
vehicle transport:car truck bike motorcycle van bus train boat scooter suv
car model brand:toyota honda ford tesla bmw subaru mercedes audi volkswagen
family relative:mother father mom dad sister brother son daughter aunt uncle cousin grandma grandpa niece nephew parents husband wife kids
sibling:brother sister twin
children kids:son daughter baby toddler
friend:roommate neighbor colleague buddy
job career profession occupation:teacher nurse engineer doctor lawyer accountant designer developer chef programmer journalist therapist counselor manager waiter waitress writer actor artist firefighter librarian architect scientist mechanic photographer electrician carpenter pharmacist
health condition medical:asthma diabetes allergy migraine arthritis cancer flu covid fever infection surgery anemia
injury body:knee ankle spine shoulder wrist leg arm neck elbow foot hip
allergy allergic:nut peanut dairy gluten shellfish pollen dust penicillin fur
emotion feeling mood:happy sad angry anxious nervous excited proud lonely grateful scared relieved overwhelmed
book:novel memoir mystery fantasy biography author chapter series library
genre:fantasy mystery thriller romance comedy horror drama rock jazz classical pop hip-hop country
movie film:comedy thriller horror documentary drama cinema actor director
music:song album concert band jazz rock classical pop guitar singer playlist
artist band musician:concert singer album gig festival perform
game:chess monopoly scrabble poker nintendo xbox playstation console zelda minecraft puzzle board video
device gadget electronics:phone laptop tablet camera tv console headphones printer computer smartwatch
school subject degree major:math biology chemistry physics history psychology engineering economics art literature law medicine nursing computer
language:english spanish french german italian japanese chinese mandarin portuguese korean russian arabic
country place:usa canada mexico france germany italy spain japan china india brazil australia england ireland sweden norway greece portugal thailand peru iceland scotland egypt turkey vietnam netherlands switzerland
city place state:london paris berlin rome madrid barcelona tokyo seattle boston chicago miami york denver austin texas florida california portland toronto lisbon vienna dublin
place location:beach park museum mountain lake forest library cafe restaurant studio gym church city town village
nature outdoors:mountain forest lake river beach waterfall sunset canyon desert trail park stars
season:spring summer autumn fall winter
month:january february march april june july august september october november december
holiday celebration:christmas thanksgiving easter halloween hanukkah diwali birthday anniversary
event:concert wedding party festival parade conference workshop meeting race show exhibition fundraiser parade graduation
clothes clothing outfit:shirt dress jacket shoes jeans sweater hat coat boots scarf skirt
jewelry accessory:necklace ring bracelet earring watch pendant
furniture:table chair sofa couch desk bed shelf lamp
color:red blue green yellow purple pink orange black white brown grey gray turquoise
weather:rain snow storm sunny wind fog hot cold hurricane
pottery object:bowl cup mug vase plate pot
toy:doll lego puzzle teddy blocks
sport equipment gear:racket ball bike skis helmet shoes tent
award prize:trophy medal certificate scholarship ribbon
online platform social media:instagram youtube facebook tiktok twitter blog podcast twitch
charity cause:shelter homeless hunger environment cancer veterans education
religion belief:christian muslim jewish buddhist hindu church mosque temple catholic
money finance:loan rent mortgage savings salary debt budget tax
dog breed:labrador poodle beagle retriever husky bulldog dachshund shepherd terrier corgi
relationship status:single married divorced engaged breakup dating girlfriend boyfriend husband wife
martial:karate judo taekwondo kickboxing
stress relax destress:yoga meditation run walk reading music nature bath massage
";
