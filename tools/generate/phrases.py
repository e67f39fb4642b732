"""Sentences, idioms, concepts and commands that the chat rows quote; all of them written for this sample."""

PHRASES = [
    (english, chinese)
    for english, chinese in (
        line.split("|")
        for line in """\
Where is the nearest post office?|最近的邮局在哪里？
I would like a cup of green tea, please.|请给我一杯绿茶。
The train leaves at half past seven.|火车七点半开。
Could you speak a little more slowly?|您能说得慢一点吗？
My sister works in a hospital.|我姐姐在医院工作。
It has been raining since yesterday morning.|从昨天早上开始就一直在下雨。
Please send me the report before Friday.|请在星期五之前把报告发给我。
How much does this jacket cost?|这件夹克多少钱？
We moved to this city three years ago.|我们三年前搬到了这座城市。
The library closes earlier on Sundays.|图书馆星期天关门比较早。
He forgot his umbrella on the bus.|他把雨伞忘在公交车上了。
Our meeting has been moved to Thursday.|我们的会议改到了星期四。
She is learning to play the violin.|她正在学拉小提琴。
There are too many people in the lift.|电梯里人太多了。
I have never eaten such a sweet mango.|我从来没吃过这么甜的芒果。
The museum is free for students.|博物馆对学生免费。
Please turn off the lights when you leave.|离开时请关灯。
The soup is still too hot.|汤还是太烫了。
They plan to travel to the coast in summer.|他们打算夏天去海边旅行。
My phone is almost out of battery.|我的手机快没电了。
The children are flying kites in the park.|孩子们在公园里放风筝。
Is this seat taken?|这个座位有人吗？
You can pay in cash or by card.|您可以付现金或者刷卡。
The bridge was built in the last century.|这座桥建于上个世纪。
I agree with most of your suggestions.|我同意你的大部分建议。
The neighbour's dog barks every night.|邻居家的狗每天晚上都叫。
He reads the newspaper after breakfast.|他吃完早饭后看报纸。
The key is under the flowerpot.|钥匙在花盆下面。
We need two more chairs.|我们还需要两把椅子。
Her new novel will be published in spring.|她的新小说将在春天出版。
The road to the village is very narrow.|通往村子的路很窄。
Please wait here for ten minutes.|请在这里等十分钟。
I am looking for a quiet room.|我在找一个安静的房间。
The weather will be better tomorrow.|明天天气会更好。
This word has two different meanings.|这个词有两个不同的意思。
My grandfather grows tomatoes on the balcony.|我爷爷在阳台上种西红柿。
The shop sells fresh bread every morning.|这家店每天早上卖新鲜面包。
We ran out of paper yesterday afternoon.|昨天下午我们的纸用完了。
The doctor advised him to rest for a week.|医生建议他休息一个星期。
I saw this film twice.|这部电影我看了两遍。
The river is frozen in winter.|这条河冬天会结冰。
She answered all the questions correctly.|她正确地回答了所有问题。
Their house is next to the school.|他们的房子在学校旁边。
The new printer is easy to use.|新打印机很容易使用。
Can I change the date of my ticket?|我可以更改车票的日期吗？
The cat is sleeping on the windowsill.|猫正在窗台上睡觉。
Breakfast is served from seven to ten.|早餐供应时间是七点到十点。
Who left the window open?|谁把窗户开着没关？
The price includes lunch and a guide.|价格包含午餐和导游。
He runs five kilometres every day.|他每天跑五公里。
The exhibition opens next Wednesday.|展览下星期三开幕。
I lost my gloves somewhere near the station.|我的手套丢在车站附近了。
Please write your name in block letters.|请用大写字母写您的名字。
The flight was delayed by two hours.|航班延误了两个小时。
This path leads to the waterfall.|这条小路通向瀑布。
My colleague speaks four languages.|我的同事会说四种语言。
The machine stops automatically.|机器会自动停止。
We celebrated her birthday last night.|昨晚我们庆祝了她的生日。
The contract must be signed by both sides.|合同必须由双方签字。
There is a small lake behind the hill.|山后面有一个小湖。""".splitlines()
    )
]

IDIOMS = [
    (idiom, meaning, example)
    for idiom, meaning, example in (
        line.split("|")
        for line in """\
画蛇添足|做了多余的事，反而弄坏了结果|文章已经写完了，再加一段就是画蛇添足。
亡羊补牢|出了问题以后及时补救，防止再受损失|虽然丢了一次数据，但现在开始备份，亡羊补牢还不晚。
守株待兔|不主动努力，只指望意外的收获|找工作不能守株待兔，要多投简历。
半途而废|事情没做完就停下来|学琴贵在坚持，千万不要半途而废。
对牛弹琴|对不懂的人讲道理，白费力气|跟三岁孩子讲税法，简直是对牛弹琴。
井底之蛙|见识狭窄的人|多出去走走，别做井底之蛙。
杯弓蛇影|疑神疑鬼，自己吓自己|窗外只是树枝的影子，你不要杯弓蛇影。
掩耳盗铃|自己欺骗自己|删掉报错信息就当程序没问题，这是掩耳盗铃。
刻舟求剑|不知道随情况变化改变办法|市场早就变了，还用十年前的方案，无异于刻舟求剑。
一举两得|做一件事得到两个好处|骑车上班既锻炼身体又省钱，真是一举两得。
自相矛盾|说话或做事前后抵触|他一会儿说去，一会儿说不去，自相矛盾。
水滴石穿|坚持不懈，小力量也能成大事|每天背十个单词，水滴石穿，一年后词汇量很可观。
雪中送炭|在别人最需要的时候给予帮助|停电时邻居送来蜡烛，真是雪中送炭。
锦上添花|在好的基础上再添好处|房间本来就漂亮，再放一束花更是锦上添花。
入乡随俗|到一个地方就按照那里的习惯生活|到了海边，他入乡随俗，早餐也吃起了鱼粥。
胸有成竹|做事之前已经有完整的打算|她胸有成竹地走上讲台，一口气讲完了方案。
一目了然|一眼就能看明白|这张图表一目了然，大家都看懂了。
熟能生巧|熟练了就能找到窍门|包饺子熟能生巧，多练几次就快了。
拔苗助长|违反规律，急于求成，反而坏事|给孩子报十个班，只会拔苗助长。
塞翁失马|坏事在一定条件下可能变成好事|航班取消却遇到了老同学，真是塞翁失马。
饮水思源|不忘记好处的来源|成名以后他饮水思源，给母校捐了一座图书馆。
未雨绸缪|事先做好准备|趁夏天检修暖气，这叫未雨绸缪。
聚精会神|注意力非常集中|全班同学聚精会神地看着实验。
千钧一发|情况万分危急|千钧一发之际，司机踩住了刹车。
言简意赅|话不多，意思完整|他的总结言简意赅，只用了三句话。
滥竽充数|没有本领的人混在里面凑数|合唱团要逐个试唱，滥竽充数是不行的。
破釜沉舟|下定决心，不留退路|他破釜沉舟，辞了工作专心创业。
循序渐进|按照步骤逐渐深入|学游泳要循序渐进，先学换气。
争先恐后|争着向前，唯恐落后|门一开，孩子们争先恐后地跑向操场。
量力而行|按照自己的能力去做|买房要量力而行，不要借太多钱。
举一反三|从一件事推知同类的许多事|老师只讲了一道题，她就能举一反三。
事半功倍|费力小而收效大|用好快捷键，写代码事半功倍。
小题大做|把小事当成大事来处理|忘带一支笔而已，不必小题大做。
众志成城|大家一条心，力量就强大|洪水面前，全村人众志成城，守住了大堤。
南辕北辙|行动和目的正好相反|想减肥却天天吃夜宵，南辕北辙。
名副其实|名称和实际相符|这条街到处是书店，名副其实的书店街。""".splitlines()
    )
]

CONCEPTS = [
    (
        "recursion",
        "A function is recursive when it calls itself on a smaller piece of the problem until a case is so "
        "simple that it can be answered directly.",
        "递归",
        "一个函数把问题变小以后再调用自己，直到遇到可以直接回答的最简单情形，这就是递归。",
    ),
    (
        "a hash table",
        "A hash table computes from each key the place where its value is stored, so that looking up a key "
        "takes about the same time however many there are.",
        "哈希表",
        "哈希表根据键计算出存放位置，因此不管有多少数据，查找一个键所需的时间都差不多。",
    ),
    (
        "photosynthesis",
        "In photosynthesis a plant uses light to turn water and carbon dioxide into sugar, and sets oxygen "
        "free.",
        "光合作用",
        "植物利用光能把水和二氧化碳变成糖，并放出氧气，这个过程叫光合作用。",
    ),
    (
        "inflation",
        "Inflation means that prices in general rise, so the same amount of money buys less than before.",
        "通货膨胀",
        "通货膨胀指物价普遍上涨，同样多的钱能买到的东西变少了。",
    ),
    (
        "a prime number",
        "A prime number is a whole number above 1 that only 1 and the number itself divide without "
        "remainder.",
        "质数",
        "质数是大于1、只能被1和它本身整除的整数。",
    ),
    (
        "evaporation",
        "Evaporation happens when molecules at the surface of a liquid are fast enough to escape into the "
        "air, and it cools what stays behind.",
        "蒸发",
        "液体表面运动较快的分子跑到空气中，就是蒸发，它会使剩下的液体变凉。",
    ),
    (
        "version control",
        "Version control records every change of a set of files together with who made it and why, so any "
        "earlier state can be restored.",
        "版本控制",
        "版本控制记录文件的每一次修改、修改者和原因，需要时可以恢复到任何旧状态。",
    ),
    (
        "the water cycle",
        "Water evaporates from seas and land, condenses into clouds, falls as rain or snow and flows back "
        "again.",
        "水循环",
        "水从海洋和陆地蒸发，凝结成云，以雨雪的形式落下，再流回江河湖海，这就是水循环。",
    ),
    (
        "an index in a database",
        "An index is a sorted copy of one or more columns that lets the database find rows without reading "
        "the whole table.",
        "数据库索引",
        "索引是一列或几列的有序副本，数据库靠它不必读整张表就能找到记录。",
    ),
    (
        "compound interest",
        "With compound interest the interest earned so far is added to the sum, and earns interest itself "
        "from then on.",
        "复利",
        "复利是把已经得到的利息并入本金，让利息继续产生利息。",
    ),
    (
        "a lunar eclipse",
        "In a lunar eclipse the Earth stands between Sun and Moon, and its shadow falls on the Moon.",
        "月食",
        "地球运行到太阳和月亮之间，影子落在月亮上，就发生了月食。",
    ),
    (
        "friction",
        "Friction is the force that resists the sliding of two surfaces against each other and turns "
        "motion into heat.",
        "摩擦力",
        "摩擦力阻碍两个接触面相对滑动，并把运动的能量变成热。",
    ),
    (
        "supply and demand",
        "When a good is scarce compared with what buyers want, its price tends to rise; when there is "
        "plenty, it tends to fall.",
        "供求关系",
        "东西少而想买的人多，价格往往上升；东西多而买的人少，价格往往下降。",
    ),
    (
        "a vaccine",
        "A vaccine shows the immune system a harmless part of a germ, so that it can react quickly when "
        "the real one arrives.",
        "疫苗",
        "疫苗让免疫系统先认识病原体无害的部分，真正的病原体来时就能迅速反应。",
    ),
    (
        "binary search",
        "Binary search halves a sorted list at every step by comparing the middle element with the one "
        "that is sought.",
        "二分查找",
        "二分查找每一步都把有序列表中间的元素与目标比较，从而把范围缩小一半。",
    ),
    (
        "encryption",
        "Encryption turns a message into a form that only someone with the right key can turn back.",
        "加密",
        "加密把信息变成只有持有正确密钥的人才能还原的形式。",
    ),
    (
        "the placebo effect",
        "The placebo effect is an improvement that comes from expecting a treatment to work and not from "
        "its substance.",
        "安慰剂效应",
        "安慰剂效应指病情的好转来自对治疗的期待，而不是药物本身。",
    ),
    (
        "density",
        "Density tells how much mass is packed into a unit of volume; it decides what floats on what.",
        "密度",
        "密度表示单位体积里有多少质量，它决定谁能浮在谁上面。",
    ),
    (
        "a cache",
        "A cache keeps copies of recently used results close at hand, so they need not be computed or "
        "fetched again.",
        "缓存",
        "缓存把最近用过的结果留在手边，下次不必重新计算或获取。",
    ),
    (
        "the food chain",
        "A food chain shows who eats whom, and so how energy passes from plants to plant eaters and on to "
        "predators.",
        "食物链",
        "食物链表示谁吃谁，能量就这样从植物传给食草动物，再传给食肉动物。",
    ),
    (
        "a neural network",
        "A neural network is a chain of weighted sums and simple functions whose weights are adjusted "
        "until its output fits the examples.",
        "神经网络",
        "神经网络由许多加权求和与简单函数连接而成，训练时不断调整权重，使输出符合样例。",
    ),
    (
        "plate tectonics",
        "The outer shell of the Earth consists of plates that move a few centimetres a year and raise "
        "mountains or open oceans where they meet.",
        "板块构造",
        "地球外壳由若干板块组成，每年移动几厘米，在交界处形成山脉或海洋。",
    ),
    (
        "opportunity cost",
        "The opportunity cost of a choice is the value of the best alternative that is given up for it.",
        "机会成本",
        "机会成本是为了某个选择而放弃的最好替代方案的价值。",
    ),
    (
        "an API",
        "An API is the agreed set of requests that one program may send to another and the answers it will "
        "get.",
        "应用程序接口",
        "应用程序接口规定了一个程序可以向另一个程序发出哪些请求、会得到什么回答。",
    ),
]
"""Term, explanation, and both in Chinese."""

COMMANDS = [
    ("ls -l {path}", "lists the files in `{path}` with permissions, owner, size and time of change"),
    ("wc -l {path}/{file}", "counts the lines of `{path}/{file}`"),
    ("head -n {n} {path}/{file}", "prints the first {n} lines of `{path}/{file}`"),
    ("tail -f {path}/{file}", "shows the end of `{path}/{file}` and keeps printing lines as they are added"),
    (
        "grep -rn {word} {path}",
        "searches all files below `{path}` for `{word}` and prints file name and line number",
    ),
    (
        "find {path} -name '*.log' -mtime +{n}",
        "finds log files below `{path}` last changed more than {n} days ago",
    ),
    ("du -sh {path}", "prints how much space `{path}` takes in total, in readable units"),
    ("sort {path}/{file} | uniq -c", "counts how often each distinct line of `{path}/{file}` occurs"),
    ("cp -r {path} {path}-backup", "copies the folder `{path}` with everything inside to `{path}-backup`"),
    ("tar -czf {word}.tar.gz {path}", "packs `{path}` into the compressed archive `{word}.tar.gz`"),
    (
        "chmod 640 {path}/{file}",
        "lets the owner read and write `{path}/{file}`, the group read it, and others nothing",
    ),
    ("sed -n '{n},{m}p' {path}/{file}", "prints lines {n} to {m} of `{path}/{file}`"),
    ("git log --oneline -n {n}", "shows the latest {n} commits, one line each"),
    ("git switch -c {word}", "creates the branch `{word}` and changes to it"),
    (
        "git diff --stat HEAD~{n}",
        "summarises which files changed since {n} commits ago and by how many lines",
    ),
    ("curl -O https://example.org/{file}", "downloads `{file}` from example.org into the current folder"),
]
PATHS = [
    "/srv/reports",
    "/var/lib/intake",
    "/home/mara/notes",
    "/opt/meter/data",
    "./archive",
    "./build",
    "docs/drafts",
]
FILES = ["summary.csv", "events.txt", "names.tsv", "errors.log", "inventory.json", "readings.dat", "draft.md"]
BRANCHES = [
    "timeout",
    "retry-limit",
    "invoice",
    "shipping-label",
    "night-mode",
    "parser",
    "checksum",
    "unit-prices",
    "greeting",
]

STATUSES = [
    ("200", "OK", "the request succeeded and the body holds the result"),
    ("201", "Created", "the request succeeded and a new resource exists now"),
    ("204", "No Content", "the request succeeded and there is nothing to send back"),
    ("301", "Moved Permanently", "the resource has a new address for good"),
    ("304", "Not Modified", "the copy that the client has is still current"),
    ("400", "Bad Request", "the server cannot make sense of the request"),
    ("401", "Unauthorized", "the client has not shown who it is"),
    ("403", "Forbidden", "the server knows the client and still refuses"),
    ("404", "Not Found", "there is no resource at this address"),
    ("405", "Method Not Allowed", "the resource exists but not for this method"),
    ("409", "Conflict", "the request contradicts the current state of the resource"),
    ("413", "Content Too Large", "the body is larger than the server accepts"),
    ("429", "Too Many Requests", "the client sent more requests than its quota allows"),
    ("500", "Internal Server Error", "the server ran into an error of its own"),
    ("502", "Bad Gateway", "a proxy got an invalid answer from the server behind it"),
    ("503", "Service Unavailable", "the server is overloaded or under maintenance"),
]
ENDPOINTS = [
    "/orders",
    "/parcels",
    "/meters/17/readings",
    "/users/me",
    "/invoices",
    "/search",
    "/tickets/204",
    "/photos",
    "/stock",
]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

SYSTEM = [
    "You are a patient tutor. Explain each step briefly.",
    "You are a helpful assistant. Answer in plain words.",
    "Keep your answers short and to the point.",
    "You support the staff of a small library. Be friendly and precise.",
    "You are a careful assistant that shows its working where numbers are involved.",
    "Answer truthfully. If a request is unclear, state the assumption you make.",
    "You are the office assistant of a repair workshop.",
    "Use British spelling.",
]
SYSTEM_ZH = [
    "你是一位耐心的老师，请简要说明每一步。",
    "你是一个乐于助人的助手，请用通俗的语言回答。",
    "请简洁准确地回答问题。",
    "涉及数字时，请写出计算过程。",
    "你是社区图书馆的咨询助手，态度要友好。",
]
NEXT = [
    "Thanks. Now something else: ",
    "Great, thank you! One more thing. ",
    "That helps. Next: ",
    "Understood. ",
]
NEXT_ZH = ["谢谢！再问一个问题：", "明白了。另外，", "好的。接下来：", "很有帮助。还有，"]
