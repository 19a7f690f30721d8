"""Arabic script to Latin: Arabic, Persian, Urdu and Jawi letters.

The script leaves short vowels out, so the Latin form of a word is its consonants and long vowels only
(``mhmwd``), each consonant one letter as :mod:`titian.screen.names.sounds` writes sounds (x is sh, c is ch); what is
compared afterwards is the consonant skeleton. Names that everybody writes with the same vowels have them from a table
(own work, from common spelling), which keeps apart what the script does not.
"""

# ruff: noqa: RUF001, E501
from __future__ import annotations

from typing import Final

_LETTERS: Final = {
    "ا": "a", "أ": "a", "إ": "i", "آ": "a", "ٱ": "a", "ى": "a", "ب": "b", "ت": "t", "ث": "t", "ج": "j", "ح": "h",
    "خ": "h", "د": "d", "ذ": "d", "ر": "r", "ز": "z", "س": "s", "ش": "x", "ص": "s", "ض": "d", "ط": "t", "ظ": "z",
    "غ": "g", "ف": "f", "ق": "k", "ك": "k", "ک": "k", "ل": "l", "م": "m", "ن": "n", "ه": "h", "ة": "h", "و": "w",
    "ي": "y", "ی": "y", "ې": "y", "ے": "y", "ئ": "y", "ؤ": "w", "ء": "", "ع": "", "پ": "p", "چ": "c", "ژ": "z",
    "گ": "g", "ڬ": "g", "ڠ": "ng", "ݢ": "g", "ڽ": "ny", "ڤ": "p", "ۏ": "v", "ٹ": "t", "ڈ": "d", "ڑ": "r", "ں": "n",
    "ھ": "h", "ہ": "h", "ۃ": "h", "ۀ": "h", "ڭ": "ng", "ۇ": "u", "ۆ": "o",
}  # fmt: skip
_SAME: Final = str.maketrans({
    **dict.fromkeys("أإآٱ", "ا"), **dict.fromkeys("ىئیېے", "ي"), **dict.fromkeys("ہھ", "ه"),
    "ؤ": "و", "ک": "ك", "ۃ": "ة", **dict.fromkeys(map(chr, (*range(0x64B, 0x653), 0x670, 0x640, 0x200C, 0x200D)), ""),
})  # fmt: skip
"""Letters that writers use for one another are one letter for the table; marks and the stretching line go."""

_KNOWN: Final = {
    "محمد": "muhammad", "احمد": "ahmad", "محمود": "mahmud", "حامد": "hamid", "حميد": "hamid", "علي": "ali",
    "حسن": "hasan", "حسين": "husain", "عمر": "umar", "عمرو": "amr", "عمار": "ammar", "عثمان": "uthman",
    "خالد": "khalid", "يوسف": "yusuf", "ابراهيم": "ibrahim", "اسماعيل": "ismail", "اسحاق": "ishaq",
    "يعقوب": "yaqub", "موسي": "musa", "عيسي": "isa", "سليمان": "sulaiman", "داود": "dawud", "يحيي": "yahya",
    "زكريا": "zakariya", "ادريس": "idris", "نوح": "nuh", "ايوب": "ayyub", "يونس": "yunus", "هارون": "harun",
    "صالح": "salih", "سالم": "salim", "سليم": "salim", "سلمان": "salman", "سعيد": "said", "سعد": "saad",
    "سعود": "saud", "فيصل": "faisal", "فهد": "fahd", "ناصر": "nasir", "نصر": "nasr", "منصور": "mansur",
    "كريم": "karim", "رحيم": "rahim", "رشيد": "rashid", "راشد": "rashid", "مصطفي": "mustafa", "مرتضي": "murtada",
    "جعفر": "jafar", "صادق": "sadiq", "كاظم": "kazim", "رضا": "rida", "مهدي": "mahdi", "هادي": "hadi",
    "جمال": "jamal", "جميل": "jamil", "كمال": "kamal", "كامل": "kamil", "جابر": "jabir", "بلال": "bilal",
    "حمزة": "hamza", "طارق": "tariq", "طلال": "talal", "وليد": "walid", "زيد": "zaid", "زياد": "ziyad",
    "فاطمة": "fatima", "عائشة": "aisha", "عايشة": "aisha", "خديجة": "khadija", "مريم": "maryam", "زينب": "zainab",
    "ليلي": "layla", "نور": "nur", "هدي": "huda", "امينة": "amina", "سارة": "sara", "سعاد": "suad",
    "الله": "allah", "عبدالله": "abdullah", "بشار": "bashar", "بشير": "bashir", "انور": "anwar", "اكرم": "akram",
    "ايمن": "ayman", "اسامة": "usama", "صدام": "saddam", "معمر": "muammar", "حسني": "husni", "ياسر": "yasir",
    "ياسين": "yasin", "عادل": "adil", "عزيز": "aziz", "رحمن": "rahman", "قادر": "qadir", "امير": "amir",
    "عامر": "amir", "ماجد": "majid", "مجيد": "majid", "نبيل": "nabil", "هاشم": "hashim", "هشام": "hisham",
    "قاسم": "qasim", "بكر": "bakr", "حكيم": "hakim", "لطيف": "latif", "غني": "ghani", "شريف": "sharif",
    "فاروق": "faruq", "رمضان": "ramadan", "سامي": "sami", "رامي": "rami", "هاني": "hani", "عمران": "imran",
    "ذاكر": "dhakir", "حافظ": "hafiz", "انيس": "anis", "طاهر": "tahir", "ظاهر": "zahir", "بدر": "badr", "علاء": "ala",
    "حزب": "hizb", "بن": "bin", "ابن": "ibn", "بنت": "bint", "ابو": "abu", "ابي": "abi", "ام": "umm", "عبد": "abd", "ال": "al",
}  # fmt: skip


def romanise(word: str) -> tuple[str, bool]:
    """Return a word of Arabic script in Latin letters, and whether its short vowels are missing.

    The article is set off with a hyphen: ``al-rshyd``.
    """
    plain = word.translate(_SAME)
    if (known := _KNOWN.get(plain) or _KNOWN.get(plain.replace("ه", "ة"))) is not None:
        return known, False
    if plain.startswith("عبدال") and len(plain) > 6:
        rest, bare = romanise(plain[5:])
        return f"abd-al-{rest}", bare
    if plain.startswith("ال") and len(plain) >= 5:
        rest, bare = romanise(plain[2:])
        return f"al-{rest}", bare
    return _spelt(plain), True


def _spelt(word: str) -> str:
    letters = [_LETTERS.get(letter, letter if letter.isascii() else "") for letter in word]
    if word[:1] == "ع":
        # It has no letter of its own in Latin, but the vowel that it carries has.
        letters[0] = "a"
    return "".join(letters)
