"""Names in the spellings in which they are met, from general knowledge of each language's usual transliterations.

One name in a line: its spellings, separated by ``|``; what stands in the language's own script comes first where there
is one. Combined at random (``names_pairs``) they are nobody in particular.
"""

# ruff: noqa: RUF001
from __future__ import annotations


def lines(text: str) -> list[list[str]]:
    """The names of a table, each with its spellings."""
    return [[one.strip() for one in line.split("|")] for line in text.strip().splitlines()]


ARABIC_GIVEN = lines("""
محمد|Muhammad|Mohamed|Mohammed|Mohammad
أحمد|Ahmad|Ahmed|Achmad
محمود|Mahmoud|Mahmud|Mahmood
حسن|Hassan|Hasan|Hassen
حسين|Hussein|Husain|Hossein|Hussain
عمر|Omar|Umar
عثمان|Othman|Uthman|Osman
خالد|Khalid|Khaled
يوسف|Yusuf|Youssef|Yousef
إبراهيم|Ibrahim|Ebrahim|Ibraheem
إسماعيل|Ismail|Ismael|Esmail
سليمان|Sulaiman|Suleiman|Soliman
عبد الله|Abdullah|Abdallah|Abd Allah
عبد الرحمن|Abdul Rahman|Abdurrahman|Abdelrahman|Abd al-Rahman
عبد العزيز|Abdul Aziz|Abdelaziz|Abd al-Aziz
عبد القادر|Abdul Qadir|Abdelkader|Abd al-Qader
عبد الكريم|Abdul Karim|Abdelkarim|Abd al-Kareem
صالح|Saleh|Salih
سعيد|Said|Saeed|Sayeed
فيصل|Faisal|Faysal|Feisal
ناصر|Nasser|Nasir|Naser
طارق|Tariq|Tarek|Tareq
وليد|Walid|Waleed|Oualid
جمال|Jamal|Gamal|Djamal
كمال|Kamal|Kemal
رشيد|Rashid|Rachid|Rasheed
مصطفى|Mustafa|Moustafa|Mostafa
فاطمة|Fatima|Fatimah|Fatma
عائشة|Aisha|Ayesha|Aicha
زينب|Zainab|Zeinab|Zaynab
خديجة|Khadija|Khadijah|Khadidja
ليلى|Layla|Leila|Laila
نادية|Nadia|Nadiya
سامية|Samia|Samiya
لطيفة|Latifa|Lateefa
وسام|Wisam|Wissam
رائد|Raed|Raid
غسان|Ghassan|Gassan
زهير|Zuhair|Zouhair|Zuhayr
مروان|Marwan|Merouane
فادي|Fadi|Fady
جهاد|Jihad|Jehad
شكري|Shukri|Chokri|Shoukry
نزار|Nizar|Nezar
لؤي|Luay|Louay
أنس|Anas|Anass
معاذ|Muadh|Moaz
حاتم|Hatem|Hatim
""")
ARABIC_FAMILY = lines("""
الحمداني|al-Hamdani|El Hamdani|Alhamdani
التميمي|al-Tamimi|Tamimi|Al Tamimi
الزهراني|al-Zahrani|Al-Zahrani|Alzahrani
القحطاني|al-Qahtani|Alqahtani|Al Kahtani
الشمري|al-Shammari|Al Shamari|Alshammari
الدوسري|al-Dosari|Al Dossary|Aldosari
المصري|al-Masri|El Masry|Almasri
السوري|al-Suri|As-Suri|Al Soury
البغدادي|al-Baghdadi|Al Bagdadi|Albaghdadi
الخطيب|al-Khatib|El Khatib|Alkhateeb
النجار|al-Najjar|An-Najjar|El Naggar
الحداد|al-Haddad|Haddad|El Haddad
الصباغ|al-Sabbagh|Sabbagh|As-Sabbagh
العطار|al-Attar|El Attar|Alattar
الجبوري|al-Jubouri|Al Jaburi|Aljubouri
الدليمي|al-Dulaimi|Al Dulaymi|Aldulaimi
الكعبي|al-Kaabi|Al Kabi|Alkaabi
الأنصاري|al-Ansari|Ansari|Alansari
الهاشمي|al-Hashimi|Hashemi|Al Hashmi
العبيدي|al-Obaidi|Al Ubaydi|Alobaidi
بوعزيزي|Bouazizi|Buazizi
بن يوسف|Ben Youssef|Benyoussef
زيدان|Zidan|Zidane|Zaydan
شاهين|Shahin|Shaheen|Chahine
درويش|Darwish|Darwich|Derwish
قاسم|Qasim|Kassem|Qassem
سالم|Salem|Salim
منصور|Mansour|Mansur|Mansoor
خليل|Khalil|Khaleel
حمدان|Hamdan|Hemdan
بركات|Barakat|Barakaat
عباس|Abbas|Abas
عودة|Odeh|Awda|Auda
نصر الله|Nasrallah|Nasr Allah|Nasrullah
جابر|Jaber|Jabir|Gaber
مراد|Murad|Mourad
فرحات|Farhat|Ferhat
طنطاوي|Tantawi|Tantawy
صباح|Sabah|Sabbah
غانم|Ghanem|Ghanim|Ganem
""")
RUSSIAN_GIVEN = lines("""
Александр|Aleksandr|Alexander|Alexandre
Алексей|Aleksei|Alexey|Alexei
Андрей|Andrei|Andrey|Andrej
Борис|Boris|Boriss
Василий|Vasilii|Vasily|Vasiliy|Wassili
Виктор|Viktor|Victor
Владимир|Vladimir|Wladimir|Uladzimir
Вячеслав|Viacheslav|Vyacheslav
Геннадий|Gennadii|Gennady|Gennadij
Георгий|Georgii|Georgy|Georgiy
Григорий|Grigorii|Grigory|Grigoriy
Дмитрий|Dmitrii|Dmitry|Dmitriy|Dimitri
Евгений|Evgenii|Yevgeny|Evgeny|Jewgeni
Игорь|Igor|Igor'
Кирилл|Kirill|Kiril
Константин|Konstantin|Constantin
Михаил|Mikhail|Michail|Mihail
Николай|Nikolai|Nikolay|Nikolaj
Павел|Pavel|Pawel
Пётр|Petr|Pyotr|Piotr
Роман|Roman|Romann
Сергей|Sergei|Sergey|Serguei|Sergej
Степан|Stepan|Stephan
Юрий|Iurii|Yuri|Yury|Juri
Ярослав|Iaroslav|Yaroslav|Jaroslav
Леонид|Leonid|Leonide
Максим|Maksim|Maxim
Тимур|Timur|Timour
Руслан|Ruslan|Rouslan
""")
RUSSIAN_WOMEN = lines("""
Анна|Anna|Ana
Екатерина|Ekaterina|Yekaterina|Jekaterina
Елена|Elena|Yelena|Jelena
Ирина|Irina|Irène
Мария|Mariia|Maria|Mariya
Наталья|Natalia|Natalya|Nataliya
Ольга|Olga|Ol'ga
Светлана|Svetlana|Swetlana
Татьяна|Tatiana|Tatyana|Tatjana
Юлия|Iuliia|Yulia|Julia
""")
RUSSIAN_FAMILY = lines("""
Соколов|Sokolov|Sokoloff|Sokolow
Кузнецов|Kuznetsov|Kouznetsov|Kusnezow
Хрущёв|Khrushchev|Khrushchov|Chruschtschow
Медведев|Medvedev|Medwedew
Ельцин|Eltsin|Yeltsin|Jelzin
Щербаков|Shcherbakov|Scherbakov|Chtcherbakov
Жуков|Zhukov|Zhukoff|Joukov
Ковалёв|Kovalev|Kovalyov|Kowaljow
Воробьёв|Vorobev|Vorobyov|Vorobiev
Яковлев|Iakovlev|Yakovlev|Jakowlew
Алексеев|Alekseev|Alexeyev|Alexeev
Григорьев|Grigorev|Grigoryev|Grigoriev
Зайцев|Zaitsev|Zaytsev|Saizew
Тимошенко|Timoshenko|Tymoshenko
Шевченко|Shevchenko|Chevtchenko|Schewtschenko
Чернышенко|Chernyshenko|Tchernychenko
Лаврентьев|Lavrentev|Lavrentyev|Lavrentiev
Орлов|Orlov|Orloff|Orlow
Морозов|Morozov|Morosow
Фёдоров|Fedorov|Fyodorov|Feodorov
Цветков|Tsvetkov|Zwetkow
Гагарин|Gagarin|Gagarine
Бородин|Borodin|Borodine
Чайковский|Chaikovskii|Tchaikovsky|Tschaikowski
Достоевский|Dostoevskii|Dostoyevsky|Dostojewski
Рыбаков|Rybakov|Rybakoff
Юсупов|Iusupov|Yusupov|Youssoupoff
Ахмедов|Akhmedov|Ahmedov|Achmedow
Магомедов|Magomedov|Magomedow
Гусейнов|Guseinov|Huseynov|Guseynov
""")
RUSSIAN_FATHERS = lines("""
Иванович|Ivanovich|Iwanowitsch|Ivanovitch
Петрович|Petrovich|Petrovitch
Александрович|Aleksandrovich|Alexandrovich
Николаевич|Nikolaevich|Nikolayevich
Сергеевич|Sergeevich|Sergeyevich
Владимирович|Vladimirovich|Wladimirowitsch
Михайлович|Mikhailovich|Mikhaylovich
Алексеевич|Alekseevich|Alexeyevich
Викторович|Viktorovich|Victorovich
Борисович|Borisovich|Borissovitch
""")
JAPANESE_FAMILY = lines("""
田中|たなか|タナカ|Tanaka
鈴木|すずき|スズキ|Suzuki
佐藤|さとう|サトウ|Sato|Satō|Satou
高橋|たかはし|タカハシ|Takahashi
渡辺|わたなべ|ワタナベ|Watanabe
伊藤|いとう|イトウ|Ito|Itō|Itoh
山本|やまもと|ヤマモト|Yamamoto
中村|なかむら|ナカムラ|Nakamura
小林|こばやし|コバヤシ|Kobayashi
加藤|かとう|カトウ|Kato|Katō|Katoh
吉田|よしだ|ヨシダ|Yoshida
山田|やまだ|ヤマダ|Yamada
佐々木|ささき|ササキ|Sasaki
山口|やまぐち|ヤマグチ|Yamaguchi
松本|まつもと|マツモト|Matsumoto
井上|いのうえ|イノウエ|Inoue|Inouye
木村|きむら|キムラ|Kimura
清水|しみず|シミズ|Shimizu|Simizu
斎藤|さいとう|サイトウ|Saito|Saitō
大野|おおの|オオノ|Ono|Ohno|Ōno
近藤|こんどう|コンドウ|Kondo|Kondō
石井|いしい|イシイ|Ishii|Isii
藤田|ふじた|フジタ|Fujita|Huzita
前田|まえだ|マエダ|Maeda
岡田|おかだ|オカダ|Okada
長谷川|はせがわ|ハセガワ|Hasegawa
村上|むらかみ|ムラカミ|Murakami
後藤|ごとう|ゴトウ|Goto|Gotō|Gotoh
坂本|さかもと|サカモト|Sakamoto
本田|ほんだ|ホンダ|Honda
""")
JAPANESE_GIVEN = lines("""
太郎|たろう|タロウ|Taro|Tarō
一郎|いちろう|イチロウ|Ichiro|Ichirō
健一|けんいち|ケンイチ|Kenichi|Ken'ichi|Ken-ichi
裕子|ゆうこ|ユウコ|Yuko|Yūko|Yuuko
花子|はなこ|ハナコ|Hanako
俊輔|しゅんすけ|シュンスケ|Shunsuke|Syunsuke
大輔|だいすけ|ダイスケ|Daisuke
直樹|なおき|ナオキ|Naoki
隆|たかし|タカシ|Takashi
誠|まこと|マコト|Makoto
浩二|こうじ|コウジ|Koji|Kōji
翔太|しょうた|ショウタ|Shota|Shōta
美咲|みさき|ミサキ|Misaki
陽子|ようこ|ヨウコ|Yoko|Yōko
恵子|けいこ|ケイコ|Keiko
正男|まさお|マサオ|Masao
秀樹|ひでき|ヒデキ|Hideki
和夫|かずお|カズオ|Kazuo
洋一|よういち|ヨウイチ|Yoichi|Yōichi
真理子|まりこ|マリコ|Mariko
""")
THAI_GIVEN = lines("""
สมชาย|Somchai|Somchay
สมศักดิ์|Somsak|Somsack
ประยุทธ์|Prayut|Prayuth
วิชัย|Wichai|Vichai
สุรชัย|Surachai|Surachay
ณรงค์|Narong|Narongk
อนันต์|Anan|Anant
ชาญ|Chan|Charn
ธนากร|Thanakorn|Thanakon
พิชัย|Phichai|Pichai
วรพล|Woraphon|Worapol
สุดา|Suda|Sudha
มาลี|Mali|Malee
กนกวรรณ|Kanokwan|Kanokwon
อภิชาติ|Aphichat|Apichart
ศิริพร|Siriphon|Siriporn
นภา|Napha|Napa
เกษม|Kasem|Kasame
ไพศาล|Phaisan|Paisal|Paisan
บุญมี|Bunmi|Boonmee
""")
THAI_FAMILY = lines("""
ชินวัตร|Chinnawat|Shinawatra
เวชชาชีวะ|Wetchachiwa|Vejjajiva
ทองดี|Thongdi|Thongdee
แสงทอง|Saengthong|Sangthong
ศรีสุข|Sisuk|Srisuk|Srisook
วงศ์ใหญ่|Wongyai|Vongyai
สุขใจ|Sukchai|Sukjai
ใจดี|Chaidi|Jaidee
บุญรอด|Bunrot|Boonrod
พงษ์ไพบูลย์|Phongphaibun|Pongpaiboon
รัตนกุล|Rattanakun|Rattanakul
สมบูรณ์|Sombun|Somboon
วัฒนา|Watthana|Wattana|Vadhana
มณีรัตน์|Manirat|Maneerat
เจริญสุข|Charoensuk|Jaroensuk
อินทร์แก้ว|Inkaeo|Inkaew|Inthkaew
ทรัพย์มาก|Sapmak|Submak
นาคสุข|Naksuk|Naksook
""")
INDONESIAN = lines("""
Soeharto|Suharto
Soekarno|Sukarno
Soetomo|Sutomo
Djoko|Joko
Djatmiko|Jatmiko
Tjahjo|Cahyo
Tjipto|Cipto
Soetjipto|Sucipto
Soedjono|Sujono
Soejono|Suyono
Jusuf|Yusuf
Soerjadi|Suryadi
Soebroto|Subroto
Njoman|Nyoman
Sjarifuddin|Syarifuddin|Syarifudin
Sjafruddin|Syafruddin|Syafrudin
Achmad|Ahmad|Akhmad
Moechtar|Muchtar|Mukhtar|Mochtar
Boediono|Budiono
Boedi|Budi
Poernomo|Purnomo
Koentjoro|Kuncoro
Hartojo|Hartoyo
Wibowo|Wibawa
Hardjo|Harjo
Widjaja|Wijaya
Soewandi|Suwandi
Goenawan|Gunawan
Oemar|Umar
Idroes|Idrus
Koesoemo|Kusumo|Kusuma
Tjokro|Cokro
Moerdani|Murdani
Soelaiman|Sulaiman
Darsojo|Darsoyo
Sastroamidjojo|Sastroamijoyo
Hatta|Hata
Natsir|Nasir
Djuanda|Juanda
Panggabean|Pangabean
Nasoetion|Nasution
Siregar|Siregar
Soedirman|Sudirman
Bagoes|Bagus
Noegroho|Nugroho
Prabowo|Prabawa
Setiawan|Setyawan
Hidajat|Hidayat
Rachmat|Rahmat
Soelistyo|Sulistyo
""")
MALAY = lines("""
Ahmad|Ahmed|Achmad
Ismail|Esmail|Ismael
Mohd|Mohamad|Muhammad
Yusof|Yusuf|Yusoff
Zainal|Zaenal|Zainul
Hashim|Hasyim|Hasim
Rosli|Rosly|Rusli
Kamaruddin|Kamarudin|Qamaruddin
Shamsuddin|Syamsudin|Samsudin
Rahim|Raheem
Ibrahim|Ebrahim
Osman|Othman|Usman
Hamzah|Hamza
Jaafar|Jafar|Ja'far
Aziz|Azis
Razak|Razaq
Salleh|Saleh|Soleh
Nordin|Noordin|Nurdin
Azahari|Azhari
Sulaiman|Suleiman
Harun|Haron
Bakar|Bakr
""")
MALAY_WOMEN = lines("""
Siti Aminah|Siti Amina|Sitti Aminah
Nurul Huda|Noorul Huda|Nurulhuda
Fatimah|Fatima|Fathimah
Zaleha|Zaliha|Zulaikha
Rohani|Ruhani
Aisyah|Aishah|Aisha
Khadijah|Khatijah|Kadijah
Maimunah|Maimuna|Maymunah
""")
VIETNAMESE_FAMILY = lines("""
Nguyễn|Nguyen
Trần|Tran
Lê|Le
Phạm|Pham
Hoàng|Hoang
Phan|Phan
Vũ|Vu
Đặng|Dang
Bùi|Bui
Đỗ|Do
Hồ|Ho
Ngô|Ngo
""")
VIETNAMESE_GIVEN = lines("""
Văn Đức|Van Duc
Thị Hương|Thi Huong
Minh Tuấn|Minh Tuan
Quốc Khánh|Quoc Khanh
Thanh Hải|Thanh Hai
Ngọc Lan|Ngoc Lan
Hữu Phước|Huu Phuoc
Xuân Trường|Xuan Truong
Đình Thắng|Dinh Thang
Thị Thu Hà|Thi Thu Ha
Công Phượng|Cong Phuong
Bảo Châu|Bao Chau
""")
CHINESE_FAMILY = lines("""
王|Wang
李|Li
张|Zhang
刘|Liu
陈|Chen
杨|Yang
赵|Zhao
黄|Huang
周|Zhou
吴|Wu
徐|Xu
孙|Sun
""")
CHINESE_GIVEN = lines("""
建国|Jianguo|Jian Guo|Jian-guo
志强|Zhiqiang|Zhi Qiang
秀英|Xiuying|Xiu Ying
小明|Xiaoming|Xiao Ming
海燕|Haiyan|Hai Yan
伟|Wei
丽华|Lihua|Li Hua
文军|Wenjun|Wen Jun
国庆|Guoqing|Guo Qing
美玲|Meiling|Mei Ling
""")
KOREAN_FAMILY = lines("""
김|Kim|Gim
이|Lee|Yi|Rhee
박|Park|Pak
최|Choi|Choe
정|Jung|Jeong|Chung
강|Kang|Gang
조|Cho|Jo
윤|Yoon|Yun
""")
KOREAN_GIVEN = lines("""
민수|Min-su|Minsu|Min Soo
지영|Ji-young|Jiyoung|Ji Yeong
성호|Sung-ho|Seongho|Seong Ho
은주|Eun-ju|Eunju|Eun Joo
영철|Young-chul|Yeongcheol|Yong Chol
상훈|Sang-hoon|Sanghun|Sang Hun
현우|Hyun-woo|Hyeonu|Hyun Woo
미경|Mi-kyung|Migyeong|Mi Gyeong
""")
LATIN_GIVEN = lines("""
José|Jose
François|Francois
Jürgen|Juergen|Jurgen
Günther|Gunther|Guenther
Łukasz|Lukasz
Søren|Soren|Soeren
Zoë|Zoe
Núria|Nuria
Ömer|Omer|Oemer
Şükrü|Sukru|Shukru
Çağla|Cagla
Ivana|Ivanna
Andrés|Andres
Håkon|Haakon|Hakon
Jiří|Jiri
Mária|Maria
Stéphane|Stephane
Hélène|Helene
""")
LATIN_FAMILY = lines("""
Muñoz|Munoz
Peña|Pena
Müller|Mueller|Muller
Schröder|Schroeder|Schroder
Wójcik|Wojcik
Yılmaz|Yilmaz
Özdemir|Ozdemir|Oezdemir
Gülen|Gulen
Şahin|Sahin
Jørgensen|Jorgensen|Joergensen
Ångström|Angstrom|Aangstroem
Dvořák|Dvorak
Kovács|Kovacs
Nováková|Novakova
Petrović|Petrovic
Milošević|Milosevic
Ibáñez|Ibanez
Lefèvre|Lefevre|Lefebvre
Strauß|Strauss
Weiß|Weiss
""")
TITLES = ["Dr.", "H.", "Hj.", "Ustadz", "Syekh", "Mr.", "Col.", "Prof.", "Haji", "Ir.", "KH.", "Gen.", "Sheikh"]
