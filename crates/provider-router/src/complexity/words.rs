//! Words that say what kind of thing is asked for, in English, German, French, Spanish, Italian,
//! Portuguese, Russian, Chinese and Japanese.
//!
//! A word stands for itself; with a star for every word that begins so. Chinese and Japanese, which
//! do not part words, are found anywhere.

/// What a word speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// To prove, compare, design, find a cause: work in several steps of thought.
    Deep,
    /// To explain.
    Explain,
    /// To translate, summarise, correct, list, extract, convert: the answer is nearly in the
    /// question.
    Routine,
    /// A fact that is asked for.
    Fact,
    /// A greeting, thanks, a goodbye.
    Courtesy,
    /// The answer shall be short or simple.
    Brief,
    /// Mathematics and statistics beyond arithmetic.
    Maths,
    /// What makes programs hard: concurrency, failure, scale, speed.
    Engineering,
    /// Something does not work as it should.
    Trouble,
    /// Law, medicine, finance, science, politics: where a wrong answer is worse than none.
    Expertise,
    /// Something that the answer must keep to or take into account.
    Constraint,
    /// One more thing to do.
    Sequence,
    /// It goes on with what was said before.
    Continue,
}

pub(super) const WORDS: &[(Cue, &[&str])] = &[
    (
        Cue::Deep,
        &[
            // English
            "prove|proof*|show that|derive*|derivation*|analyse*|analyze*|analysing|analyzing|analysis",
            "compare|comparing|contrast|evaluate*|assess*|critique*|critically|criticis*|criticiz*",
            "design|architect*|optimise*|optimize*|optimising|optimizing|refactor*|debug*|root cause",
            "diagnos*|trade-off*|tradeoff*|trade off*|pros and cons|justify|justification|argue*",
            "counterargument*|counter-argument*|weigh|strateg*|recommend*|hypothes*|implement|migrate",
            "migration*|threat-model*|threat model*|vulnerabilit*|contradiction*|implications",
            "second-order|sensitivity|why would|why does my|why did|why is my|figure out why|find out why",
            "what is going on|what should we do|work out|walk through|lay out|reconcile|synthesi*",
            "draft a|detailed plan|plan a|training plan|business plan|project plan|roadmap*|risk*|review this",
            "generalise*|generalize*|formalise*|formalize*|determine|estimate|propose*|develop",
            "the reasoning|step by step|in depth|thoroughly|unreliable narrator|persuasive|sonnet*",
            // German
            "beweis*|zeige, dass|zeige dass|leite|herleit*|leiten sie|analysier*|vergleich*|bewert*|beurteil*|erörter*",
            "entwirf*|entwerf*|entwickl*|optimier*|refaktor*|untersuch*|begründ*|abwäg*|ursache*|diskutier*",
            "argument*|strategie*|konzept*|konzipier*|vor- und nachteile|stellungnahme|prüfe*|fehlersuche",
            "finde den fehler|berechne*|gegenüberstell*|interpret*|risik*|projektplan|plane|erstelle einen plan",
            "verallgemeiner*|herzuleiten|schlussfolger*|kurzgeschichte|deut*",
            // French
            "démontr*|prouv*|montre que|montrez que|analys*|compar*|évalu*|conçois|concev*|conçoi*",
            "optimis*|discut*|justifi*|argument*|critiqu*|stratég*|élabor*|propos*|dédui*|dissertation",
            "avantages et inconvénients|causes|recours|plan détaillé|pourquoi cette|pourquoi ce|approfondi*",
            // Spanish
            "demuestr*|demostr*|analiz*|análisis|compara|compare|comparar|evalú*|evalu*|diseñ*|optimiz*|valora*",
            "justific*|argument*|estrateg*|elabor*|discut*|critic*|crític*|ventajas e inconvenientes|deduc*",
            "ventajas y desventajas|propón|proponer|causas|plan de",
            // Italian
            "dimostr*|analizz*|analisi|confront*|valut*|progett*|ottimizz*|giustific*|motiva|strategi*",
            "pro e i contro|pro e contro|discut*|critica*|proponi|deduci|argoment*|spiega perché",
            // Portuguese
            "prove|provar|demonstr*|analis*|análise|compar*|avali*|projet*|otimiz*|justifi*|estratég*",
            "elabor*|discut*|critiqu*|vantagens e desvantagens|proponha|deduz*|causas|explique por que",
            // Russian
            "докаж*|доказ*|выведи*|вывести форм*|проанализ*|анализ*|сравн*|оцен*|спроектир*|разработ*",
            "оптимиз*|обоснуй*|обоснов*|аргумент*|стратег*|преимущества и недостатки|плюсы и минусы",
            "причин*|опроверг*|предлож*|исследуй*|почему этот|обсуд*|критик*",
            // Chinese
            "证明|求证|推导|分析|比较|对比|评估|评价|设计|优化|论述|论证|利弊|优缺点|方案|策略|原因|排查|重构|探讨|辩证",
            // Japanese
            "証明|導出|導い|分析|比較|評価し|設計|最適化|論じ|考察|検討|利点と欠点|長所と短所|メリットとデメリット",
            "原因|仮説|戦略|提案|計画を立て|批判",
        ],
    ),
    (
        Cue::Explain,
        &[
            "explain*|why|describe|discuss*|reason|reasons|how do i prove|interpret*|mechanism*",
            "erklär*|erläuter*|warum|weshalb|wieso|beschreib*",
            "expliqu*|pourquoi|décri*|comment argumenter",
            "explic*|expliq*|por qué|describ*",
            "spieg*|perché|descriv*",
            "por que|porque|descrev*",
            "объясн*|почему|опиши*|зачем",
            "解释|说明|为什么|为何|阐述",
            "説明|なぜ|理由|述べ",
        ],
    ),
    (
        Cue::Routine,
        &[
            "translate|how do you say|summarise|summarize|summary|tl;dr|tldr|rewrite|rephrase|reword",
            "proofread*|fix typos|fix the grammar|fix the spelling|correct the|grammar|spelling|make this more|make this less|make this sound|make this shorter|make this a|make it more|make it less|make it sound|make it shorter|make it a|make that a|put this into",
            "turn this into|convert|extract|pull out|return only|list the|list all|name ten|name five|name three|classify",
            "sentiment|positive or negative|e-mail spam|sort these|alphabetically|bullet list|bullet points|markdown table",
            "the word for|a title|ideas for|suggest a|thank-you note|birthday",
            "hello world|how do i list|add a comment|rename|add type hints|format this|format the|pretty-print|reword|less stiff|improve the wording|improve this sentence",
            "boil this down|in one line|what's the main point|main point|what's the total|other words for|synonym*|caption|reminder|how would i put|in uppercase|sort by|tell the team",
            "übersetz*|heißt|fasse|fass|zusammenfass*|formuliere|formulier*|korrigier*|rechtschreib*|kürze|umformulier*",
            "worum geht es|was will der|andere wörter für|synonym*|sortier*|benenne|erinnerung",
            "nenne|mach den text|höflicher|freundlicher|liste|geburtstag*|einladung|gruß|welche termine",
            "traduis|traduire|traduisez|comment dit-on|résume|résumé|résumer|corrige|reformul*|rends|rédige un sms|cite",
            "de quoi s'agit|synonyme*|trie|renomme|légende",
            "orthographe|petit mot|seulement les|donne-moi|liste",
            "traduce|traducir|cómo se dice|resume|resumen|corrige|ortografía|reescrib*|más formal|dime|enumera|mensaje corto",
            "felicitar|lista de|de qué trata|sinónimo*|ordena|en mayúsculas|renombra",
            "di cosa parla|sinonim*|ordina|rinomina|in maiuscolo",
            "traduci|tradurre|come si dice|riassum*|correggi|riscriv*|elenca|biglietto|auguri",
            "do que se trata|sinônimo*|ordene|renomeie|em maiúsculas",
            "traduza|traduzir|como se diz|resuma|resumo|corrija|reescrev*|liste|parabéns|mensagem curta",
            "о чём|синоним*|отсортируй|переименуй|напомин*",
            "перевед*|как будет|кратко|перескаж*|резюмируй*|исправь*|исправ*|перечисл*|поздравлени*|сократи*|перепиши",
            "近义词|反义词|排序|翻译|总结|概括|改得|润色|改写|列出|怎么说|纠正|短信|祝",
            "類義語|反対語|並べ替え|翻訳|要約|言い換え|丁寧に|英語で何|添削|一覧|挙げて|メッセージを書",
        ],
    ),
    (
        Cue::Fact,
        &[
            "what is|what's|what does|what are|what year|what time|who is|who was|who wrote|who invented|when was|when did",
            "where is|where can|how many|how much|how far|how long|how old|how high|which is|do|does|is it|can i|should i",
            "who designed|who proved|who built|who painted|which of these|what port|what language|which algorithm|what's the default",
            "define|what should|which vitamins|capital of|how do you|tell me|is|are",
            "was ist|was sind|was bedeutet|wer|wann|wo|wie viel|wie viele|wie hoch|wie lange|wie weit|wie alt|wie heißt|wie geht",
            "quelle est|quel est|quels sont|qui a|qui est|quand|où|combien|en quelle année|qu'est-ce que|c'est quoi",
            "cuál es|cuáles son|quién|cuándo|dónde|cuánto*|cuánta*|en qué año|qué es|qué significa",
            "qual è|chi ha|chi è|quando|dove|quanto|quanti|quante|che cos'è|cosa significa|come si fa",
            "qual é|quem|quando|onde|quanto*|quantas|o que é|o que significa",
            "какая|какой|какое|кто|когда|где|сколько|что такое|что значит|как вывести",
            "是什么|哪里|哪条|哪个|哪一年|谁|几个|多少|什么时候|什么意思|怎么读|多高|多长",
            "何ですか|誰|何年|いつ|どこ|いくつ|何か|は何|何メートル|何年|とは何|高さは",
        ],
    ),
    (
        Cue::Courtesy,
        &[
            "hello|hi|hey|good morning|good evening|good night|thanks|thank you|bye|goodbye|how are you|what's up|cheers|joke|something funny",
            "hallo|guten tag|guten morgen|guten abend|moin|danke|vielen dank|tschüss|wie geht's|servus|bist du da",
            "bonjour|bonsoir|salut|merci|au revoir|ça va",
            "hola|buenos días|buenas tardes|buenas noches|gracias|adiós|qué tal",
            "ciao|buongiorno|buonasera|grazie|arrivederci|come stai",
            "olá|oi|bom dia|boa tarde|boa noite|obrigado|obrigada|tchau|tudo bem",
            "привет*|здравствуй*|добрый день|доброе утро|спасибо|пока|как дела",
            "你好|您好|早上好|晚上好|谢谢|再见",
            "こんにちは|おはよう|こんばんは|ありがとう|さようなら|はじめまして",
        ],
    ),
    (
        Cue::Brief,
        &[
            "short|shorter|briefly|brief|in one sentence|one sentence|one paragraph|simple terms|quick|quickly|yes or no|keep it short|concise|ten year old|two-line|haiku|tweet",
            "kurz*|knapp|ein satz|einem satz|in einem satz|einfach*|ja oder nein",
            "court|courte|bref|brève*|en une phrase|simple|rapide|oui ou non",
            "breve*|corto|corta|en una frase|en dos frases|sencill*|sí o no",
            "in una frase|semplice|sì o no|rapid*",
            "curto|curta|em uma frase|simples|sim ou não",
            "коротк*|кратк*|одним предложением|прост*|да или нет",
            "一句话|简短|简单|简要",
            "一文で|短い|短く|簡単に|簡潔",
        ],
    ),
    (
        Cue::Maths,
        &[
            "how many ways|how many different|in how many|prove that|theorem*|lemma*|integral*|derivative*|differential equation*|matrix|matrices|eigenvalue*|probability|expected",
            "converge*|diverge*|continuous|prime|primes|modulo|irrational|bijection*|countable|recurrence*|induction|polynomial*|vector space",
            "variance|regression|p-value|confidence interval|bayes*|monte carlo|asymptotic*|big-o|o(log|o(n|stochastic|topolog*|for every n|for all x|die until",
            "auf wie viele|wie viele möglichkeiten|satz von|integral*|ableitung*|matrix|matrizen|wahrscheinlichkeit*|erwartungswert*|konverg*|diverg*|stetig*|primzahl*|irrational*|gruppe der ordnung|induktion|varianz|natürliche zahl*|wurzel aus",
            "de combien de façons|combien de façons|théorème*|intégrale*|dérivée*|matrice*|probabilité*|espérance|suite réelle|convergent*|bornée|dénombrable|récurrence|nombres premiers|ensemble des",
            "de cuántas maneras|cuántas formas|teorema*|integral*|derivada*|matriz|matrices|probabilidad*|converge*|inducción|números primos|biyección|conjunto",
            "in quanti modi|integrale|derivata|probabilità|convergen*|gruppo di ordine|numeri primi|induzione|spazio vettoriale",
            "de quantas maneiras|quantas formas|probabilidade*|indução|números primos|diagonaliz*|simétrica|espaço vetorial",
            "сколькими способами|теорем*|интеграл*|производн*|матриц*|вероятност*|последовательность|сходимост*|простых чисел|целых числах|индукци*|уравнени*|ограничен*",
            "多少种|定理|积分|导数|矩阵|概率|收敛|连续|素数|质数|正整数|归纳|极限|方程|实函数",
            "何通り|定理|積分|微分|行列|確率|収束|連続|素数|自然数|帰納|極限|方程式|実数列|割り切",
        ],
    ),
    (
        Cue::Engineering,
        &[
            "concurren*|race condition*|data race*|deadlock*|lock-free|thread-safe|memory safe*|undefined behaviour*|undefined behavior*|segfault*",
            "throughput|latency|p99|p95|scalab*|distributed|partition*|consensus|raft|paxos|replication|failover|idempoten*|exactly once|back-pressure|backpressure",
            "schema|b-tree|data structure*|algorithm*|complexity|kubernetes|microservice*|transaction*|isolation|cache|caching|vectoris*|vectoriz*",
            "stack trace|backtrace|panicked|oom*|memory leak*|edge case*|requests per second|rate limiter|parser|compiler|under load|query plan|crash*",
            "bottleneck|multi-tenant|ledger|authentication flow|cancellation|downtime|rollback|deploy|regression test*|transformer*|fp32|bf16",
            "nebenläufig*|verklemm*|durchsatz|latenz|skalier*|verteilt*|ausfall*|architektur|datenstruktur*|algorithm*|transaktion*|unter last|sporadisch|rechenzentrum*|race condition",
            "concurrenc*|interblocage|débit|passage à l'échelle|tolér*|architecture|structure de données|requêtes par seconde|plans d'exécution|modes de panne",
            "concurrente*|condición de carrera|rendimiento|latencia|escalab*|distribuid*|arquitectura|estructura de datos|algoritmo*|toler*|nodo*|orden por",
            "concorren*|race condition|scalab*|distribuit*|architettura|struttura dati|algoritmo|multi-tenant|mutex|schema di database",
            "concorrência|escalab*|distribuíd*|arquitetura|microsserviços|transação|serializável|monólito",
            "гонк*|взаимн* блокиров*|распределённ*|распределенн*|масштабир*|архитектур*|алгоритм*|очеред*|зависает|без блокировок|сбо*|доставк*",
            "并发|死锁|分布式|架构|高可用|一致性|分片|幂等|算法|故障|缓存|每秒|数据库",
            "並行|デッドロック|分散|アーキテクチャ|整合性|アルゴリズム|マイクロサービス|データベース|キャッシュ|トランザクション|補償",
        ],
    ),
    (
        Cue::Trouble,
        &[
            "slow|slower|hangs|hang|stuck|crash*|fails|failing|flaky|timeout*|times out|leak*|corrupt*|truncated|missing|duplicate*|twice",
            "exception*|error*|exit code|restart*|breaks|broke|broken|freez*|memory|cpu|sometimes|randomly|intermittent*|every now and then|only on|only in|only when|only from|no idea|worked before|since we|since the|after the update|segfault|panic*",
            "langsam*|hängt|stürzt|absturz*|abstürz*|schlägt fehl|fehler*|manchmal|plötzlich|sporadisch|nur wenn|nur bei|nur auf|seit wir|seit dem|nach dem update|doppelt|speicher*|abgemeldet",
            "lent*|plante|bloqué*|erreur*|échou*|parfois|depuis hier|depuis que|seulement quand|redémarr*|boucle|fuite|mémoire|en double",
            "lento|lenta|se cierra|se cuelga|falla*|error*|a veces|desde que|solo con|solo cuando|duplicad*|memoria|se bloquea",
            "lento|si blocca|errore|errori|a volte|da quando|solo quando|solo su|duplicat*|memoria|si chiude",
            "demora*|trava*|erro|erros|às vezes|desde que|só quando|duplicad*|memória|lento|cai",
            "медленн*|зависа*|падает|ошибк*|иногда|после обновлени*|только на|только когда|памят*|сбо*|вылета*",
            "变慢|卡住|崩溃|报错|出错|偶尔|有时|上线后|内存|重启|重复|超时|失败",
            "遅い|固まる|落ちる|エラー|時々|たまに|本番|メモリ|再起動|切れる|失敗|重複",
        ],
    ),
    (
        Cue::Expertise,
        &[
            "gdpr|liability|lease|clause|contract*|unenforceable|statut*|plaintiff|regulat*|legitimate interest|landlord|patent*|compliance",
            "tenant|custody|divorce|inherit*|lawsuit|lawyer*|sued|employer|fired|dismiss*|shares|co-founder|cofounder|vesting|mortgage|tax|taxes|vat|deduct|insurance|pension|invest*|lease or buy|loan|interest rate|treasury",
            "medication|pills|dose|blood pressure|side effect*|symptom*|pregnant|kidney|surgery|ibuprofen|antibiotic*|doctor|therapy",
            "differential diagnosis|patients|mg|presents with|heart failure|contraindic*|dosage|inhibitors|clinical|trial|cohort|mortality",
            "wacc|cash flow|margin|churn|acquisition cost|gross margin|runway|valuation|break-even|hedge|inflation|monetary|fiscal|decision matrix",
            "thermodynamic*|quantum|navier-stokes|newtonian|relativity|pendulum|enzyme*|synthesis of|experiment*|causal*|bias*|blocking|sample size|a/b test*",
            "historians|institutional|proportional representation|utilitarian*|epistemolog*|policy|policies|evidence",
            "vermieter*|mieter*|eigenbedarf|kündig*|erb*|scheidung|sorgerecht|anwalt*|klage|steuer*|hypothek*|kredit*|versicherung*|krankenversicherung|rente*|abfindung|schwanger|medikament*|blutdruck|symptom*|nachbar",
            "rechtlich*|kündigung*|§|bgb|satzung|haftung|frist*|zulässig|diagnose|patient*|finanzkrise|finanzierung|relativitätstheorie|wärmekapazität|grundeinkommen|gesichtspunkt",
            "propriétaire|locataire|licenci*|divorce|garde des enfants|avocat|impôt*|crédit|assurance|retraite|héritage|voisin|mitoyen*|enceinte|médicament*|symptôme*|facture",
            "juridique*|salarié|contrat|prud'hommes|clause|fiscal*|diagnostic|désindustrialisation|décentralisation|inégalités|kant|copropriété|rénovation énergétique",
            "casero|inquilino|despedid*|despido|divorcio|custodia|abogad*|impuesto*|crédito|seguro|pensión|herencia|embarazad*|medicament*|síntoma*|de baja|invierto|inversión",
            "cláusula*|hipoteca|abusiva|jurídic*|normativa|fiscal*|inflación|transición energética|diagnóstico|procesal|política*",
            "inquilino|licenzi*|divorzio|affidamento|avvocato|tasse|mutuo|assicurazione|pensione|eredità|condominio|riscattare|incinta|farmac*|sintom*",
            "giuridic*|clausola|fiscale|patrimoniale|gettito|sanitari*|inflazione|riforme",
            "inquilino|demitid*|divórcio|guarda dos filhos|advogad*|imposto*|financiamento|seguro|aposentadoria|herança|sócio|grávida|remédio*|sintoma*",
            "jurídic*|tributár*|fiscal|inflação|produtividade|política*|reforma*|fintech",
            "уволи*|развод|алимент*|адвокат*|налог*|ипотек*|кредит*|страховк*|пенси*|наследств*|беременн*|лекарств*|симптом*|соседи|затопил*",
            "санкци*|юридическ*|инфляци*|экономик*|экспорт*|рынок|логистик*|распад*|диагноз*",
            "房东|辞退|离婚|抚养权|律师|税|房贷|保险|遗产|怀孕|药|症状|股权",
            "法律|合同|通货膨胀|经济|养老金|政策|转型|诊断|货币主义|预算|改革",
            "大家|解雇|退職|離婚|親権|弁護士|税金|住宅ローン|保険|相続|妊娠|薬|症状|給料",
            "法律|契約|経済|政策|診断|少子化|終身雇用|成果主義|制度|費用",
        ],
    ),
    (
        Cue::Constraint,
        &[
            "must|without|at least|at most|exactly|no more than|under the assumption|assumption*|given|taking into account|constraint*|budget|deadline*",
            "criteria|should not|never|minimise|minimize|maximise|maximize|tolerat*|guarantee*|edge|within|less than|more than|stay correct|acknowledg*|what would",
            "ohne|mindestens|höchstens|genau|unter berücksichtigung|muss|annahme*|voraussetzung*|dürfen|niemals|falls|puffer|budget",
            "sans|au moins|au plus|exactement|en tenant compte|hypothèse*|jamais|contrainte*|budget|délai*|si l'",
            "sin|al menos|como máximo|exactamente|teniendo en cuenta|supuesto*|nunca|presupuesto|considerando|garantice",
            "senza|almeno|al massimo|esattamente|tenendo conto|mai|vincol*|budget|dal punto di vista",
            "sem|pelo menos|no máximo|exatamente|levando em conta|nunca|orçamento|restriç*|critérios",
            "без|не менее|не более|ровно|с учётом|учитывая|никогда|бюджет|ограничени*|можно ли",
            "必须|不能|至少|最多|考虑|假设|限制|包括",
            "必ず|なしで|少なくとも|以内|考慮|前提|条件|べきか|根拠",
        ],
    ),
    (
        Cue::Sequence,
        &[
            "then|and then|first|second|finally|also|and explain|and say|and justify|and argue|and why|and propose|and recommend|as well as|in addition|for each|including|and compare|and assess|and give|and show|and discuss|and tell|and how",
            "dann|danach|anschließend|außerdem|und erkläre|und begründe|sowie|und bewerte|zuerst|schließlich|und schlage|und leite|und berechne|und formuliere|und stelle|und welche|und wie|und vergleiche|und prüfe",
            "puis|ensuite|enfin|ainsi que|et explique|et évalue|et donne|et compare|d'abord|et en déduis|et discute|et critique|et comment|avec étapes",
            "luego|después|además|y explica|y da|y propón|y valora|así como|por último|y optim*|y qué",
            "poi|inoltre|infine|e spiega|e indica|nonché|e stima|e riscriv*",
            "depois|além disso|e explique|e avalie|por fim|bem como|e projete",
            "затем|потом|также|и объясни|и оцени|наконец|и предложи|и выведи|а какие",
            "并|然后|同时|以及|并且|最后|给出",
            "また|そして|さらに|その上で|した上で|とともに|および",
        ],
    ),
    (
        Cue::Continue,
        &[
            "continue|go on|keep going|next step|next|why|and then|try again|again|still wrong|still not|doesn't work|does not work|that's wrong|fix it|more detail|elaborate",
            "weiter|mach weiter|warum|nochmal|noch einmal|stimmt nicht|geht nicht|genauer|ausführlicher",
            "continue|continuez|pourquoi|encore|ça ne marche pas|plus de détails",
            "continúa|sigue|por qué|otra vez|no funciona|más detalle",
            "continua|perché|ancora|non funziona|più dettagli",
            "continue|por quê|de novo|não funciona|mais detalhes",
            "продолжай|дальше|почему|ещё раз|не работает|подробнее",
            "继续|为什么|再试|不对|详细",
            "続けて|なぜ|もう一度|動かない|詳しく",
        ],
    ),
];
