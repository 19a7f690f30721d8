"""Tables of customs: titles, particles, words for "son of", legal forms, and words that many names share.

Own work from general knowledge of the customs; all keys are small Latin letters without marks, as
:mod:`titian.screen.names.parts` has them after romanisation.
"""

# ruff: noqa: SIM905, E501
from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES: Final = _words(
    "mr mrs ms miss mme mlle monsieur madame sir lord lady dame dr drs dra drg ir prof professor profesor doctor "
    "doktor haj hajj haji hajah hajjah hadji hadj ust ustadz ustadzah ustaz ustad ustadh kyai kiai tgk teungku "
    "raden sheikh shaikh shaykh syekh syeikh syaikh cheikh sheik mullah mulla mulavi maulana mawlana mawlawi "
    "maulavi ayatollah hojatoleslam col colonel kolonel gen general jenderal maj major mayor lt lieutenant letnan "
    "brig brigadier capt captain kapten sgt sergeant admiral adm laksamana marshal datuk dato datin tan-sri puan "
    "encik tuan tun tengku tunku bapak pak bapa ibu bu sdr saudara nai nang nangsao naisao khun phra luang senor "
    "senora sr sra don dona herr frau gospodin gospozha tovarishch san sama sensei polkovnik kapitan gn sayyidina "
    "almarhum alm jr snr shri sri smt effendi bey pasha agha ong phd md mba msi spd sag skom ssos mpd mh bsc msc"
)
LEADING_TITLES: Final = _words("h hj kh k kp r rm ra rr tb g d p")
"""Titles only before other words and with a full stop: ``H. Ahmad``."""

ARTICLES: Final = _words("al el ad ar as ash at az an ul il")
PARTICLES: Final = _words("de da van von vom zu zur del della di la le les las los dos das du den der ter y e i af")
SONS: Final = _words("bin ibn b ben ould wuld wald oglu ogly uulu zade son a/l al/p s/o anak")
DAUGHTERS: Final = _words("binti bint bt bte binte binthi bti kyzy kizi qizi a/p d/o")
PARENTS: Final = _words("abu abou abo umm um oum ummu")
SERVANT: Final = _words("abd abdul abdel abdal abdoul abdur abdus abdun abduz abdush abdut abdud abdol abd-al abdu")

COMMON: Final = _words(
    "muhammad mohammed mohamed mohammad mohamad mochamad muhamad mochammad moch mohd ahmad ahmed achmad akhmad ali "
    "hasan hassan husain hussein hossein ibrahim abdullah abdallah umar omar khan siti nur noor nurul sri dewi ivan aleksandr alexander "
    "sergey sergei vladimir andrei andrey dmitry dmitri aleksei alexey anna maria elena olga tatyana natalya irina "
    "nguyen van thi tran le pham kim lee park li wang zhang liu chen john james david michael robert jose juan "
    "carlos tanaka suzuki sato watanabe ito yamamoto somchai said sayed syed abdul budi agus"
)
"""Names that so many people have that sharing one says little."""

SHORT: Final = {"mohd": "muhammad", "moh": "muhammad", "muh": "muhammad", "md": "muhammad", "moch": "muhammad",
                "mhd": "muhammad", "abd": "abdul"}  # fmt: skip
"""Short forms that are written for a given name."""

KOREAN: Final = {"gim": "kim", "bag": "park", "i": "lee", "yi": "lee", "rhee": "lee", "ri": "lee", "bak": "park", "pak": "park",
                 "choe": "choi", "jeong": "jung", "jo": "cho", "gang": "kang", "im": "lim", "o": "oh", "no": "roh",
                 "mun": "moon", "baek": "paik", "an": "ahn", "u": "woo", "gwon": "kwon", "yun": "yoon"}  # fmt: skip
"""Family names in revised romanisation, and as their bearers write them."""

ALIKE: Final = tuple(_words(line) for line in (
    "lee yi rhee ri li", "park pak bak", "cho jo", "kim gim", "choi choe", "jung jeong chung", "kang gang",
    "yoon yun", "moon mun", "lim im rim", "roh noh no", "woo u", "osman othman usman uthman", "yusuf joseph jusuf",
    "muhammad magomed mehmet", "husain gusein huseyn",
))  # fmt: skip
"""Spellings of one name that no rule joins."""
ONE: Final = {word: min(alike) for alike in ALIKE for word in alike}
"""Each of them, and the one that stands for all."""

LIMITED, STOCK, PARTNERS, SOLE = "limited", "stock", "partners", "sole"
FORMS: Final = {
    **dict.fromkeys(
        "ltd limited llc ooo gmbh sarl srl sl bv nv pte pty plc sdn bhd berhad sendirian tov too gk yk lda ltda "
        "ks zrt kft doo sro spzoo spoo ug fzc fze fzco dmcc mbh wll".split(), LIMITED),
    **dict.fromkeys("ao jsc pjsc pao oao zao ojsc cjsc sa ag spa se ab as oy asa inc incorporated "
                    "corp corporation aktiengesellschaft".split(), STOCK),
    **dict.fromkeys("pt perseroan".split(), ""),
    **dict.fromkeys("cv kg llp lp ohg firma fa ud".split(), PARTNERS),
    **dict.fromkeys("co company cie mahachon public private holding kk tbk persero".split(), ""),
}  # fmt: skip
"""Legal forms, each with its kind: what differs in kind is another company; an empty kind says nothing of it."""
PARTNERS_ONLY: Final = frozenset({"cv", "pt"})
"""Forms of one country that exclude each other, whatever their kind is elsewhere."""

PHRASES: Final = (
    ("株式会社", " kk "), ("有限会社", " yk "), ("合同会社", " gk "), ("一般社団法人", " "), ("公益財団法人", " "),
    ("財団法人", " foundation "), ("社団法人", " association "), ("股份有限公司", " kk "), ("有限责任公司", " ltd "),
    ("有限公司", " ltd "), ("公司", " company "), ("集团", " group "), ("集團", " group "), ("グループ", " group "),
    ("ホールディングス", " holdings "), ("ホールディング", " holdings "), ("主식회사", " kk "), ("주식회사", " kk "),
    ("유한회사", " ltd "), ("(주)", " kk "), ("銀行", " bank "), ("银行", " bank "), ("은행", " bank "),
    ("大学", " university "), ("大學", " university "), ("대학교", " university "), ("財団", " foundation "),
    ("基金会", " foundation "), ("재단", " foundation "), ("協会", " association "), ("協會", " association "),
    ("研究所", " institute "), ("病院", " hospital "), ("医院", " hospital "), ("新聞", " news "), ("電力", " electric power "),
    ("重工業", " heavy industries "), ("重工", " heavy industries "), ("工業", " industries "), ("自動車", " motor "),
    ("汽车", " motor "), ("電機", " electric "), ("電気", " electric "), ("製鉄", " steel "), ("商事", " trading "),
    ("貿易", " trading "), ("贸易", " trading "), ("航空", " airlines "), ("鉄道", " railway "), ("建設", " construction "),
    ("製薬", " pharmaceutical "), ("保険", " insurance "), ("証券", " securities "), ("不動産", " estate "),
    ("日本", " nippon "), ("国際", " international "), ("國際", " international "), ("国际", " international "),
    ("電子", " electronics "), ("전자", " electronics "), ("科技", " technology "), ("石油", " petroleum "),
    ("中国", " china "), ("東京", " tokyo "),
    ("บริษัท", " "), ("จำกัด", " ltd "), ("(มหาชน)", " "), ("มหาชน", " "), ("ห้างหุ้นส่วน", " lp "), ("ธนาคาร", " bank "),
    ("มหาวิทยาลัย", " university "), ("มูลนิธิ", " foundation "), ("สมาคม", " association "), ("กระทรวง", " ministry "),
    ("โรงพยาบาล", " hospital "), ("การบิน", " airways "), ("ประเทศไทย", " thailand "), ("แห่ง", " "),
    ("กรุงเทพ", " bangkok "), ("ไทย", " thai "), ("อุตสาหกรรม", " industries "),
    ("شركة", " company "), ("مصرف", " bank "), ("بنك", " bank "), ("جامعة", " university "), ("مؤسسة", " foundation "),
    ("جمعية", " association "), ("وزارة", " ministry "), ("مستشفى", " hospital "), ("المحدودة", " ltd "),
    ("ش.م.م", " ltd "), ("للتجارة", " trading "), ("التجارية", " trading "), ("مجموعة", " group "),
    ("الدولية", " international "), ("الخيرية", " charity "),
)  # fmt: skip
"""Words for organisations in scripts that write without spaces, or that mean rather than sound."""

GENERIC: Final = {
    **{word: word for word in (
        "bank university foundation association institute hospital company group ministry international trading general "
        "holdings industries electric power heavy motor airlines airways steel railway construction services "
        "insurance securities estate news electronics technology petroleum exchange national global world islamic "
        "investment investments development trade import export oil gas energy shipping transport logistics center "
        "centre committee council front movement party army organisation society school federation union agency "
        "systems solutions enterprise enterprises industry charity pharmaceutical state central").split()},
    "yayasan": "foundation", "fond": "foundation", "fondation": "foundation", "fonds": "foundation",
    "stiftung": "foundation", "fundacion": "foundation", "universitas": "university", "universiti": "university",
    "universitet": "university", "universitaet": "university", "universitat": "university",
    "universite": "university", "universidad": "university", "banque": "bank", "banco": "bank", "perbankan": "bank",
    "institut": "institute", "instituto": "institute", "gruppa": "group", "grup": "group", "gruppe": "group",
    "grupo": "group", "kompaniya": "company", "kompani": "company", "perusahaan": "company",
    "mezhdunarodnyy": "international", "mezhdunarodnaya": "international", "internasional": "international",
    "antarabangsa": "international", "internatsionalnyy": "international", "ministerstvo": "ministry",
    "kementerian": "ministry", "assotsiatsiya": "association", "asosiasi": "association",
    "persatuan": "association", "perkumpulan": "association", "perdagangan": "trading", "torgovyy": "trading",
    "torgovaya": "trading", "umum": "general", "rumah-sakit": "hospital", "organization": "organisation",
    "organizatsiya": "organisation", "organisasi": "organisation", "natsionalnyy": "national", "nasional": "national",
    "negara": "state", "gosudarstvennyy": "state", "tsentralnyy": "central", "tsentr": "center", "pusat": "center",
    "airline": "airlines", "avialinii": "airlines", "elektronik": "electronics", "energiya": "energy",
    "tekhnologii": "technology", "teknologi": "technology", "technologies": "technology", "indastri": "industries",
    "industri": "industries", "holding": "holdings", "holdinga": "holdings", "kholding": "holdings", "invest": "investment",
    "bankovskiy": "bank", "stroy": "construction", "partiya": "party", "partai": "party",
    "ajans": "agency", "agentstvo": "agency", "nihon": "nippon", "japan": "nippon", "nippon": "nippon",
    "kontsern": "concern", "motors": "motor", "avto": "motor", "corporate": "corporate",
}  # fmt: skip
"""Words that many organisations share, with the word they all become."""
PLAIN: Final = frozenset(GENERIC.values()) - {"nippon", "bangkok"}

FILLERS: Final = _words("the of and for de la du des dan untuk für fuer und v na iz pour von an")
