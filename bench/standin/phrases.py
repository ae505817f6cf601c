"""What the stand-in says, by language: plain sentences that nobody can take for a model's answer to the question."""

from __future__ import annotations

MARK = "[stand-in] "

_ENGLISH = (
    "This text comes from a stand-in for a provider, and no model has read the question.",
    "It exists so that a whole batch can be run, priced and checked without a key.",
    "Its length was drawn from a digest of the request, so the same request gets it again.",
    "A real model would have taken the facts of the case one by one at this point.",
    "It would then have said which of them matter most and which can be left aside.",
    "Where the request names a limit, the text is cut at that limit and says so.",
    "The tokens were counted by a stated rule that anybody can follow with a pencil.",
    "Each call that is billed has an entry of its own on the bill that is kept here.",
    "The bill is the second set of books, and it knows nothing of the first one.",
    "If the two sets of books differ by a single pico-dollar, the difference is a fault.",
    "Nothing in this answer should be acted on, whatever the question was about.",
    "Please put a real provider behind this endpoint before you rely on what comes back.",
    "The order of the sentences means nothing and their number means nothing either.",
    "A reviewer may skip this paragraph, since it only fills the room of an answer.",
    "The wording is fixed, so that a change in the output points to a change in the request.",
    "What follows would be the reasoning, with its steps set out in order.",
    "After it would come a short conclusion and a note on what remains unsure.",
    "The points are set, the line is clear, and the wagon rolls on to its track.",
)
#: The same in other languages: each list is read round and round.
SENTENCES: dict[str, tuple[str, ...]] = {
    "en": _ENGLISH,
    "es": (
        "Esta es una respuesta de prueba y ningún modelo ha leído la pregunta.",
        "El texto sirve para comprobar el proceso completo sin una clave del proveedor.",
        "No se debe tomar ninguna decisión con lo que se dice en este párrafo.",
        "La longitud depende de la petición, y por eso siempre es la misma.",
    ),
    "de": (
        "Dies ist eine Antwort zur Probe, und kein Modell hat die Frage gelesen.",
        "Der Text dient dazu, den ganzen Ablauf ohne einen Schlüssel zu prüfen.",
        "Auf das, was hier steht, sollte sich niemand bei einer Entscheidung verlassen.",
        "Die Länge hängt von der Anfrage ab und ist deshalb immer die gleiche.",
    ),
    "fr": (
        "Ceci est une réponse d'essai, et aucun modèle n'a lu la question.",
        "Le texte sert à vérifier toute la chaîne sans la clé d'un fournisseur.",
        "Il ne faut prendre aucune décision sur la base de ce qui est dit dans ce paragraphe.",
        "La longueur dépend de la demande, et elle est donc toujours la même.",
    ),
    "pt": (
        "Esta é uma resposta de teste e nenhum modelo leu a pergunta.",
        "O texto serve para verificar o processo inteiro sem uma chave do fornecedor.",
        "Não se deve tomar nenhuma decisão com o que está escrito neste parágrafo.",
        "O comprimento depende do pedido, e por isso é sempre o mesmo.",
    ),
    "it": (
        "Questa è una risposta di prova e nessun modello ha letto la domanda.",
        "Il testo serve a verificare tutto il processo senza una chiave del fornitore.",
        "Non si deve prendere nessuna decisione con quello che è scritto in questo paragrafo.",
        "La lunghezza dipende dalla richiesta, e per questo è sempre la stessa.",
    ),
    "zh": (
        "这是替身服务给出的回答,没有任何模型读过这个问题。",
        "这段文字只用来在没有密钥的情况下检查整个流程。",
        "请不要根据这里的内容作出任何决定。",
        "文字的长度由请求决定,因此每次都一样。",
    ),
    "ja": (
        "これは代役のサーバーからの回答であり、モデルは質問を読んでいません。",
        "この文章は、鍵がないときに全体の流れを確かめるためのものです。",
        "ここに書かれた内容をもとに判断をしないでください。",
        "文章の長さは依頼によって決まるので、いつも同じです。",
    ),
    "ko": (
        "이것은 대역 서버의 답변이며 어떤 모델도 질문을 읽지 않았습니다.",
        "이 글은 키가 없을 때 전체 과정을 확인하기 위한 것입니다.",
        "여기에 적힌 내용을 근거로 결정을 내리지 마십시오.",
        "글의 길이는 요청에 따라 정해지므로 언제나 같습니다.",
    ),
    "ar": (
        "هذه إجابة من خادم بديل ولم يقرأ أي نموذج هذا السؤال.",
        "يستخدم هذا النص لفحص العملية كلها من دون مفتاح.",
        "يرجى عدم اتخاذ أي قرار بناء على ما هو مكتوب هنا.",
        "يعتمد طول النص على الطلب ولذلك يبقى كما هو دائما.",
    ),
    "hi": (
        "यह एक स्थानापन्न सर्वर का उत्तर है और किसी मॉडल ने यह प्रश्न नहीं पढ़ा है।",
        "यह पाठ केवल बिना कुंजी के पूरी प्रक्रिया की जाँच करने के लिए है।",
        "कृपया यहाँ लिखी बातों के आधार पर कोई निर्णय न लें।",
        "पाठ की लंबाई अनुरोध पर निर्भर है और इसलिए हमेशा समान रहती है।",
    ),
    "ru": (
        "Это ответ подставного сервера, и ни одна модель не читала этот вопрос.",
        "Текст нужен для проверки всего процесса без ключа поставщика.",
        "Пожалуйста, не принимайте решений на основе того, что здесь написано.",
        "Длина текста зависит от запроса и поэтому всегда одинакова.",
    ),
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that tell the languages in Latin letters apart; none is common in two of them.
MARKERS: dict[str, frozenset[str]] = {
    "en": _words("the of and is are was what which for with that this you it be have should would how my"),
    "es": _words("el los las una del qué cómo para con por está son mi pero más cuál puede hay"),
    "de": _words("der das und ist nicht ein eine einen mit für auf wie ich sie wird dem den zu von"),
    "fr": _words("les des est une du dans pour avec sur qui quel quelle mon je vous cette sont aux et"),
    "pt": _words("os uma não em do da para com meu você qual são mas pelo isso está minha das dos"),
    "it": _words("il di che è una per con sono della del nel mio qual questo come gli alla più non"),
}
LANGUAGE_NAMES = {
    "english": "en",
    "spanish": "es",
    "german": "de",
    "french": "fr",
    "portuguese": "pt",
    "italian": "it",
    "chinese": "zh",
    "japanese": "ja",
    "korean": "ko",
    "arabic": "ar",
    "hindi": "hi",
    "russian": "ru",
}
