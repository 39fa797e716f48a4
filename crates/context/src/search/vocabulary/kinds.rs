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
stop quit end
find discover
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
army military veteran soldier
die pass funeral grief
passed died funeral
damage damaged ruin ruined destroy destroyed wreck wrecked stain broken burst soak
water flood leak burst pipe wet soak
fire burn smoke flame
setback problem issue trouble difficulty obstacle cancelled delay
problem issue bug fault
cope handle manage
upset sad frustrated cry
apartment roommate rent lease landlord
rent lease landlord
own owner belong
inherit heirloom grandfather grandmother
teach show learn
project build develop design work
develop build create app
attend participate join visit event
participate join enter signup
organize host plan arrange
talent skill gift gifted talented
famous celebrity star
afford expensive price cost
save savings money
earn income salary pay wage
hire hired job recruit
fired layoff unemployed redundant
quit resign notice
promote promotion raise
retire retirement pension
appointment doctor dentist checkup
schedule routine calendar
habit routine daily
diet eat food nutrition healthy
healthy health fit nutrition
overweight weight lose pounds obese
breakfast morning meal
lunch dinner supper meal
vegetable veggie
taste flavor flavour delicious yummy
delicious tasty yummy
cute adorable sweet
beautiful gorgeous stunning pretty
funny hilarious laugh joke
launch open start release
opening open launch
raise raised fundraiser
baby pregnant birth due
niece nephew sister brother
grandparent grandma grandpa
twin sibling
family relative kids parents wife husband
kids twins
funeral died memorial loss
mourn grieve grief loss
birthday born age
age birthday
anniversary wedding married
ceremony wedding graduation
honeymoon wedding
propose proposal engaged ring
breakup broke split divorce
flirt date crush
neighbor neighborhood street
childhood grew child kid young
hometown grew born
origin originally native roots
immigrate immigrant emigrate moved abroad
abroad overseas foreign
passport visa document
document paper paperwork
suitcase luggage packing
pack packing boxes
drive car road
commute train bus drive
bicycle ride
sail boat ship
hiking outdoors nature
camping tent campfire marshmallow
sunset sunrise sky
star stars sky astronomy telescope
weekend saturday sunday
weather rain sun snow
cold winter freezing
hot summer heat
tree forest plant
flower bloom bouquet
wood wooden carpentry woodworking lumber
woodworking carpentry furniture
furniture table chair desk
tool tools equipment
equipment gear
camera photo lens
video film footage
listen music podcast
audience crowd fans
theater play drama stage
act acting actor
script screenplay write
publish published book article
article magazine newspaper news
journal diary notebook writing
letter mail card email
card letter note
message text email
internet online web
password account login
code coding programming software
programming code developer software
data analysis statistics
research study investigate paper
experiment test try trial
test exam quiz
scholarship grant fund
fund funding finance grant budget
loan mortgage bank debt
tax finance
invest stocks investment
customer client
client customer commission
market store shop
sale discount bargain
brand company
advertise marketing promotion campaign
campaign election vote
vote election politics
law lawyer court legal
police crime officer
steal stolen thief rob robbery burglary
protest march rally
march parade rally
rights equality discrimination
war military
government council city mayor
climate environment pollution
environment nature conservation sustainability recycle
recycle waste trash
energy solar power
emergency hospital ambulance
ambulance hospital
bandage stitches wound cut
wound cut injury stitches
blood test
headache migraine
cough cold flu
fever flu sick
sleep insomnia bed rest
nap sleep rest
pregnancy baby expecting
vaccine shot
glasses eye vision
blind vision eye sight
disability disabled wheelchair blind deaf accessibility
smoke smoking cigarette
alcohol drink wine beer bar
bar pub drinks
coffee cafe espresso
tea herbal
bread bakery dough
grill bbq barbecue
bake oven cake bread cookies
spice spicy
fruit berries
farm cow chicken barn
veterinary vet pet
leash walk dog
bird feather nest
fish fishing aquarium
insect bug bee butterfly
snake reptile
toy doll teddy
playground kids park
fairytale story
holiday christmas
costume halloween dress
dress outfit gown
shoe shoes boots sneakers
jacket coat
hair haircut dyed
makeup beauty
tattoo ink
ring jewelry
bag backpack purse
gym membership
trainer coach
coach trainer mentor
mentor advisor guide role
inspire inspiration role hero admire
hero admire idol
opponent rival
champion winner
rehearse rehearsal practice
instrument play band
sing choir voice
choir sing singing
dance ballet studio
studio workshop
workshop studio garage
museum exhibit gallery
statue sculpture
mural wall paint
color colour shade
design style pattern
sew knit fabric
fabric cloth textile
quilt blanket
candle wax
soap bath
pot pottery clay
clay pottery ceramics
glaze pottery
theme topic subject
topic subject theme
belief faith believe
pray prayer church
god faith spiritual
value belief principle
trust honest
brave courage
courage brave strength
confidence confident self-esteem
shy introvert quiet
patient patience
kind kindness generous
proud pride achievement
regret mistake sorry
mistake error wrong
apologize sorry apology
forgive forgiveness
argue fight conflict disagreement
conflict fight argument
lonely alone isolated
grateful thankful appreciate gratitude
future plan goal
memory childhood past
photo album memory
surprise unexpected
danger dangerous risk safe
safe safety secure
accident injured crash
adventure explore trip
explore discover
culture tradition heritage
tradition custom heritage
language speak fluent
translate translation
accent pronunciation
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
car brand:toyota honda ford tesla bmw subaru mercedes audi volkswagen
family relative:mother father mom dad sister brother son daughter aunt uncle cousin grandma grandpa niece nephew parents husband wife kids
sibling:brother sister twin
children kids:son daughter baby toddler
friend:roommate neighbor colleague buddy
job career profession occupation:teacher nurse engineer doctor lawyer accountant designer developer chef programmer journalist therapist counselor manager waiter waitress writer actor artist firefighter librarian architect scientist mechanic photographer electrician carpenter pharmacist
health condition medical:asthma diabetes allergy migraine arthritis cancer flu covid fever infection surgery anemia
injury:knee ankle spine shoulder wrist leg arm neck elbow foot hip
allergy allergic:nut peanut dairy gluten shellfish pollen dust penicillin fur
emotion mood:happy sad angry anxious nervous excited proud lonely grateful scared relieved overwhelmed
book:novel memoir mystery fantasy biography author chapter series library
genre:fantasy mystery thriller romance comedy horror drama rock jazz classical pop hip-hop country
movie film:comedy thriller horror documentary drama cinema actor director
music:song album concert band jazz rock classical pop guitar singer playlist
artist band musician:concert singer album gig festival perform
game:chess monopoly scrabble poker nintendo xbox playstation console zelda minecraft puzzle board video
device gadget electronics:phone laptop tablet camera tv console headphones printer computer smartwatch
subject degree major:math biology chemistry physics history psychology engineering economics art literature law medicine nursing computer
language:english spanish french german italian japanese chinese mandarin portuguese korean russian arabic
country:usa canada mexico france germany italy spain japan china india brazil australia england ireland sweden norway greece portugal thailand peru iceland scotland egypt turkey vietnam netherlands switzerland
city state:london paris berlin rome madrid barcelona tokyo seattle boston chicago miami york denver austin texas florida california portland toronto lisbon vienna dublin
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
pottery:bowl cup mug vase plate pot
toy:doll lego puzzle teddy blocks
equipment gear:racket ball bike skis helmet shoes tent
award prize:trophy medal certificate scholarship ribbon
platform social media:instagram youtube facebook tiktok twitter blog podcast twitch
charity:shelter homeless hunger environment cancer veterans education
religion belief:christian muslim jewish buddhist hindu church mosque temple catholic
finance:loan rent mortgage savings salary debt budget tax
breed:labrador poodle beagle retriever husky bulldog dachshund shepherd terrier corgi
relationship status:single married divorced engaged breakup dating girlfriend boyfriend husband wife
martial:karate judo taekwondo kickboxing
stress relax destress:yoga meditation run walk reading music nature bath massage
setback challenge obstacle:injury cancelled rejected failed broke lost delay accident sick
disaster:earthquake flood hurricane tornado wildfire storm tsunami
tool:hammer saw drill wrench screwdriver plane bandsaw axe
wood:oak pine cherry walnut maple cedar bamboo
material:wood metal glass clay leather wool cotton plastic
water:ocean lake river sea pond stream canal
insect:bee butterfly ant spider beetle mosquito
bird:parrot owl eagle duck chicken hawk robin crow penguin
reptile:turtle snake lizard gecko iguana tortoise
farm:cow pig chicken goat sheep horse tractor barn
sweets snack:chocolate candy cookie cake icecream popcorn chips
breakfast:pancake egg waffle cereal toast oatmeal bacon
seafood:salmon shrimp crab lobster oyster tuna fish
meat:chicken beef pork steak bacon lamb turkey sausage
dairy:milk cheese butter yogurt cream
cuisine:italian mexican chinese thai indian japanese french greek ethiopian korean vietnamese spanish
alcohol:wine beer whiskey vodka cocktail gin rum
nationality:american british french german italian spanish japanese chinese indian mexican canadian swedish
continent:europe asia africa america australia antarctica
transport transportation:train plane bus car ferry taxi metro subway flight
accommodation:hotel hostel tent cabin airbnb resort campsite
room:kitchen bedroom bathroom garage basement attic balcony office
house:kitchen roof garden garage basement stairs balcony
appliance:oven fridge washer dishwasher microwave toaster blender boiler
treatment:surgery medication therapy chemo physio injection operation
doctor specialist:dentist surgeon neurologist therapist cardiologist dermatologist pediatrician vet
symptom:headache fever cough pain nausea dizzy fatigue rash
mental:anxiety depression therapy stress burnout panic counseling ptsd
personality trait:kind brave funny honest patient creative generous calm stubborn shy caring
dance:ballet salsa hip-hop tango ballroom contemporary jazz tap
venue:stadium arena theater club hall park
writing:poem novel blog script journal essay letter article story
entertainment:tv netflix movie series podcast youtube book game
game:chess monopoly catan scrabble risk checkers backgammon
videogame console:nintendo playstation xbox zelda mario pokemon minecraft fifa
programming:python java javascript rust ruby
software:app website program database code
tech:google apple microsoft amazon facebook
sport:skiing snowboarding skating hockey sledding
sport:surfing swimming kayaking sailing diving rowing paddleboarding snorkeling
sport:soccer basketball volleyball baseball football hockey rugby cricket
race:marathon triathlon 5k 10k half sprint run
degree education:bachelor master phd diploma college university major
exam:sat gre midterm finals quiz
profession:doctor nurse surgeon dentist pharmacist paramedic therapist
profession:painter musician actor writer photographer dancer singer designer
role position:manager captain director president leader assistant volunteer
business shop:bakery cafe restaurant store salon studio boutique bookstore
craft handmade:necklace bowl scarf table chair quilt cradle card vase shelf
gift present:necklace book watch flowers card ring jewelry guitar
decoration:candle poster painting lights balloon ribbon vase
celebrate:party cake champagne dinner dance toast
holiday:christmas easter hanukkah ramadan diwali passover
ceremony:wedding funeral graduation baptism parade
wedding:bride groom dress ring ceremony honeymoon venue
activity:picnic camping hiking beach movie museum boardgame zoo
relax:bath massage yoga meditation reading nap walk spa
volunteer:shelter soup kitchen hospital tutoring cleanup mentoring
nature:sunset rainbow aurora meteor eclipse waterfall
space:star planet moon galaxy telescope rocket
symbol:heart star circle cross rainbow eagle
pottery ceramics:bowl cup mug vase plate clay kiln glaze
";
