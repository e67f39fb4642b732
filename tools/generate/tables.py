"""Facts and phrases that the chat rows are made of, in English and Chinese."""

from typing import NamedTuple


class Country(NamedTuple):
    """A country and its capital in both languages."""

    name: str
    name_zh: str
    capital: str
    capital_zh: str
    continent: str


CONTINENTS_ZH = {
    "Europe": "欧洲",
    "Asia": "亚洲",
    "Africa": "非洲",
    "South America": "南美洲",
    "North America": "北美洲",
    "Oceania": "大洋洲",
}

COUNTRIES = [
    Country(*line.split("|"))
    for line in """\
France|法国|Paris|巴黎|Europe
Germany|德国|Berlin|柏林|Europe
Italy|意大利|Rome|罗马|Europe
Spain|西班牙|Madrid|马德里|Europe
Portugal|葡萄牙|Lisbon|里斯本|Europe
Greece|希腊|Athens|雅典|Europe
Sweden|瑞典|Stockholm|斯德哥尔摩|Europe
Norway|挪威|Oslo|奥斯陆|Europe
Finland|芬兰|Helsinki|赫尔辛基|Europe
Denmark|丹麦|Copenhagen|哥本哈根|Europe
Poland|波兰|Warsaw|华沙|Europe
Austria|奥地利|Vienna|维也纳|Europe
Hungary|匈牙利|Budapest|布达佩斯|Europe
Ireland|爱尔兰|Dublin|都柏林|Europe
Belgium|比利时|Brussels|布鲁塞尔|Europe
Czechia|捷克|Prague|布拉格|Europe
Iceland|冰岛|Reykjavik|雷克雅未克|Europe
Romania|罗马尼亚|Bucharest|布加勒斯特|Europe
Bulgaria|保加利亚|Sofia|索非亚|Europe
Croatia|克罗地亚|Zagreb|萨格勒布|Europe
Japan|日本|Tokyo|东京|Asia
China|中国|Beijing|北京|Asia
India|印度|New Delhi|新德里|Asia
Thailand|泰国|Bangkok|曼谷|Asia
Vietnam|越南|Hanoi|河内|Asia
Mongolia|蒙古国|Ulaanbaatar|乌兰巴托|Asia
Nepal|尼泊尔|Kathmandu|加德满都|Asia
South Korea|韩国|Seoul|首尔|Asia
Pakistan|巴基斯坦|Islamabad|伊斯兰堡|Asia
Iran|伊朗|Tehran|德黑兰|Asia
Iraq|伊拉克|Baghdad|巴格达|Asia
Jordan|约旦|Amman|安曼|Asia
Bangladesh|孟加拉国|Dhaka|达卡|Asia
Philippines|菲律宾|Manila|马尼拉|Asia
Cambodia|柬埔寨|Phnom Penh|金边|Asia
Laos|老挝|Vientiane|万象|Asia
Egypt|埃及|Cairo|开罗|Africa
Kenya|肯尼亚|Nairobi|内罗毕|Africa
Ethiopia|埃塞俄比亚|Addis Ababa|亚的斯亚贝巴|Africa
Morocco|摩洛哥|Rabat|拉巴特|Africa
Nigeria|尼日利亚|Abuja|阿布贾|Africa
Ghana|加纳|Accra|阿克拉|Africa
Algeria|阿尔及利亚|Algiers|阿尔及尔|Africa
Tunisia|突尼斯|Tunis|突尼斯市|Africa
Senegal|塞内加尔|Dakar|达喀尔|Africa
Uganda|乌干达|Kampala|坎帕拉|Africa
Zambia|赞比亚|Lusaka|卢萨卡|Africa
Namibia|纳米比亚|Windhoek|温得和克|Africa
Brazil|巴西|Brasília|巴西利亚|South America
Argentina|阿根廷|Buenos Aires|布宜诺斯艾利斯|South America
Chile|智利|Santiago|圣地亚哥|South America
Peru|秘鲁|Lima|利马|South America
Colombia|哥伦比亚|Bogotá|波哥大|South America
Uruguay|乌拉圭|Montevideo|蒙得维的亚|South America
Ecuador|厄瓜多尔|Quito|基多|South America
Canada|加拿大|Ottawa|渥太华|North America
Mexico|墨西哥|Mexico City|墨西哥城|North America
Cuba|古巴|Havana|哈瓦那|North America
Jamaica|牙买加|Kingston|金斯敦|North America
Australia|澳大利亚|Canberra|堪培拉|Oceania
New Zealand|新西兰|Wellington|惠灵顿|Oceania
Fiji|斐济|Suva|苏瓦|Oceania""".splitlines()
]


class Element(NamedTuple):
    """A chemical element: atomic number, symbol and names."""

    number: int
    symbol: str
    name: str
    name_zh: str


ELEMENTS = [
    Element(int(number), symbol, name, name_zh)
    for number, symbol, name, name_zh in (
        line.split()
        for line in """\
1 H hydrogen 氢
2 He helium 氦
3 Li lithium 锂
4 Be beryllium 铍
5 B boron 硼
6 C carbon 碳
7 N nitrogen 氮
8 O oxygen 氧
9 F fluorine 氟
10 Ne neon 氖
11 Na sodium 钠
12 Mg magnesium 镁
13 Al aluminium 铝
14 Si silicon 硅
15 P phosphorus 磷
16 S sulfur 硫
17 Cl chlorine 氯
18 Ar argon 氩
19 K potassium 钾
20 Ca calcium 钙
22 Ti titanium 钛
24 Cr chromium 铬
25 Mn manganese 锰
26 Fe iron 铁
27 Co cobalt 钴
28 Ni nickel 镍
29 Cu copper 铜
30 Zn zinc 锌
35 Br bromine 溴
47 Ag silver 银
50 Sn tin 锡
53 I iodine 碘
74 W tungsten 钨
78 Pt platinum 铂
79 Au gold 金
80 Hg mercury 汞
82 Pb lead 铅
92 U uranium 铀""".splitlines()
    )
]


class Unit(NamedTuple):
    """One conversion: `one` of the first unit is `factor` of the second (exact, as numerator/denominator)."""

    first: str
    first_zh: str
    second: str
    second_zh: str
    factor: tuple[int, int]


UNITS = [
    Unit("kilometres", "公里", "metres", "米", (1000, 1)),
    Unit("inches", "英寸", "centimetres", "厘米", (254, 100)),
    Unit("feet", "英尺", "inches", "英寸", (12, 1)),
    Unit("miles", "英里", "kilometres", "公里", (1609344, 1000000)),
    Unit("pounds", "磅", "kilograms", "千克", (45359237, 100000000)),
    Unit("stone", "英石", "pounds", "磅", (14, 1)),
    Unit("hours", "小时", "minutes", "分钟", (60, 1)),
    Unit("days", "天", "hours", "小时", (24, 1)),
    Unit("weeks", "周", "days", "天", (7, 1)),
    Unit("litres", "升", "millilitres", "毫升", (1000, 1)),
    Unit("hectares", "公顷", "square metres", "平方米", (10000, 1)),
    Unit("nautical miles", "海里", "kilometres", "公里", (1852, 1000)),
    Unit("tonnes", "吨", "kilograms", "千克", (1000, 1)),
    Unit("kilowatt hours", "千瓦时", "megajoules", "兆焦", (36, 10)),
    Unit("yards", "码", "metres", "米", (9144, 10000)),
    Unit("dozens", "打", "pieces", "件", (12, 1)),
    Unit("bytes", "字节", "bits", "比特", (8, 1)),
    Unit("kibibytes", "KiB", "bytes", "字节", (1024, 1)),
    Unit("metres per second", "米每秒", "kilometres per hour", "公里每小时", (36, 10)),
    Unit("ounces", "盎司", "grams", "克", (28349523125, 1000000000)),
]

CHINESE_UNITS = [
    Unit("jin", "斤", "kilograms", "千克", (1, 2)),
    Unit("liang", "两", "grams", "克", (50, 1)),
    Unit("li", "里", "metres", "米", (500, 1)),
    Unit("chi", "尺", "cun", "寸", (10, 1)),
    Unit("qing", "顷", "mu", "亩", (100, 1)),
]

NAMES = [
    "Amara",
    "Bruno",
    "Chloe",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kavya",
    "Liam",
    "Maren",
    "Noor",
    "Oskar",
    "Priya",
    "Quentin",
    "Rosa",
    "Stefan",
    "Tomoko",
    "Umar",
    "Vera",
    "Wendell",
    "Ximena",
    "Yusuf",
    "Zoe",
    "Alina",
    "Bashir",
    "Carmen",
    "Declan",
]
NAMES_ZH = [
    "小林",
    "小雨",
    "小晨",
    "建国",
    "思远",
    "佳怡",
    "子涵",
    "浩然",
    "雪梅",
    "志强",
    "晓彤",
    "文博",
    "丽华",
    "天宇",
    "静怡",
    "国栋",
    "梦琪",
    "俊杰",
    "秀英",
    "嘉豪",
]

GOODS = [
    ("notebook", "notebooks", "笔记本", "本", 280),
    ("fountain pen", "fountain pens", "钢笔", "支", 1450),
    ("mug", "mugs", "马克杯", "个", 690),
    ("lemon", "lemons", "柠檬", "个", 45),
    ("candle", "candles", "蜡烛", "支", 320),
    ("umbrella", "umbrellas", "雨伞", "把", 1890),
    ("scarf", "scarves", "围巾", "条", 2250),
    ("light bulb", "light bulbs", "灯泡", "个", 375),
    ("postcard", "postcards", "明信片", "张", 120),
    ("jar of honey", "jars of honey", "蜂蜜", "瓶", 830),
    ("bicycle bell", "bicycle bells", "车铃", "个", 940),
    ("seed packet", "seed packets", "花种", "包", 215),
    ("paint brush", "paint brushes", "画笔", "支", 510),
    ("tennis ball", "tennis balls", "网球", "个", 260),
    ("loaf of bread", "loaves of bread", "面包", "个", 340),
    ("battery", "batteries", "电池", "节", 155),
    ("puzzle", "puzzles", "拼图", "盒", 1675),
    ("tea towel", "tea towels", "抹布", "块", 425),
    ("garden trowel", "garden trowels", "小铲子", "把", 1130),
    ("padlock", "padlocks", "挂锁", "把", 980),
]
PLACES = [
    "a stationery shop",
    "the Saturday market",
    "a museum gift shop",
    "the corner store",
    "a garden centre",
    "a charity sale",
    "the station kiosk",
    "an online shop",
    "a hardware store",
    "the school fair",
]
WEEKDAYS_ZH = "一二三四五六日"
PLACES_ZH = [
    "文具店",
    "周末集市",
    "博物馆商店",
    "街角小店",
    "园艺中心",
    "义卖会",
    "车站小卖部",
    "网店",
    "五金店",
    "校园集市",
]

DEFINITIONS = [
    (word, kind, meaning, example)
    for word, kind, meaning, example in (
        line.split("|")
        for line in """\
lucid|adjective|easy to understand, or clear in thought|Her lucid account left no question open.
brisk|adjective|quick and full of energy|We took a brisk walk before the shops opened.
candid|adjective|honest even when the truth is unwelcome|The coach was candid about our chances.
frugal|adjective|careful to spend and use no more than needed|A frugal cook makes soup from leftovers.
placid|adjective|calm and not easily disturbed|The lake lay placid under the morning fog.
meagre|adjective|too small in amount to be enough|They shared a meagre supper of rice and beans.
arduous|adjective|demanding great effort over a long time|The arduous climb took eleven hours.
tacit|adjective|understood without being said|There was a tacit agreement to leave by nine.
verbose|adjective|using more words than necessary|The verbose manual hid the one step that mattered.
obsolete|adjective|no longer used because something better exists|The cable became obsolete within five years.
resilient|adjective|able to recover quickly after difficulty|Resilient plants sprouted again after the frost.
ambiguous|adjective|open to more than one meaning|The ambiguous sign sent half the visitors the wrong way.
diligent|adjective|working with steady care|A diligent proofreader found all four errors.
ephemeral|adjective|lasting only a very short time|The ephemeral colours of the sunset were gone in minutes.
mundane|adjective|ordinary and a little dull|He turned mundane errands into short adventures.
plausible|adjective|seeming likely to be true|She gave a plausible reason for the delay.
hinder|verb|to make progress slow or difficult|Heavy rain hindered the search for the lost dog.
concede|verb|to admit, often unwillingly, that something is true|He conceded that the short route was better.
deduce|verb|to reach a conclusion from facts|From the wet coat she deduced that it was raining.
mitigate|verb|to make something bad less severe|Trees along the road mitigate the noise.
scrutinise|verb|to examine very closely|The auditor scrutinised every receipt.
abate|verb|to become weaker|By evening the storm had abated.
elicit|verb|to draw out a response or a fact|The question elicited a long silence.
refute|verb|to prove that a claim is wrong|New measurements refuted the old theory.
hoard|verb|to collect and keep much more than needed|Squirrels hoard nuts for the winter.
ponder|verb|to think about something for a long time|She pondered the offer all weekend.
allocate|verb|to set apart for a purpose|The council allocated funds for a new bridge.
yearn|verb|to want something very strongly|After months at sea the crew yearned for home.
quell|verb|to put an end to unrest or a feeling|A calm voice quelled the panic.
embark|verb|to begin a journey or a project|They embarked on the renovation in May.
brevity|noun|shortness of speech or writing|The brevity of his toast surprised the guests.
dilemma|noun|a choice between two unwelcome options|Her dilemma was to sell the boat or the van.
facade|noun|the front of a building, or a false appearance|Behind a cheerful facade he was worried.
havoc|noun|great disorder or damage|The puppy caused havoc in the kitchen.
zenith|noun|the highest point|At its zenith the empire held three ports.
anomaly|noun|something that differs from what is expected|The sensor reported an anomaly at noon.
incentive|noun|something that encourages action|A free lunch was incentive enough.
remnant|noun|a small part that is left over|A remnant of the old wall still stands.
threshold|noun|the level at which something begins|The alarm sounds above a threshold of 60 degrees.
paradox|noun|a statement that seems to contradict itself|It is a paradox that more choice can please us less.
consensus|noun|general agreement in a group|After two hours the board reached a consensus.
nuance|noun|a small difference in meaning or tone|Translation loses some nuance of the joke.
hiatus|noun|a pause in something that goes on|The band returned after a hiatus of six years.
catalyst|noun|something that makes a change happen faster|The strike was a catalyst for reform.
apathy|noun|lack of interest or concern|Voter apathy kept the hall half empty.
residue|noun|what stays behind after a process|The glue left a sticky residue on the glass.""".splitlines()
    )
]
