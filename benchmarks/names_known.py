"""Names that are common knowledge, in the spellings in which they are met: public figures, and institutions.

One name in a line: its spellings, separated by ``|``. ``NEAR_ORGANISATIONS`` are two institutions in a line, which
share words or are of one trade.
"""

# ruff: noqa: RUF001

from __future__ import annotations

from benchmarks.names_lists import lines

FIGURES = lines("""
Владимир Путин|Vladimir Putin|Wladimir Putin|Vladimir Poutine
Дмитрий Медведев|Dmitry Medvedev|Dmitri Medwedew
Михаил Горбачёв|Mikhail Gorbachev|Michail Gorbatschow|Mikhaïl Gorbatchev
Борис Ельцин|Boris Yeltsin|Boris Jelzin|Boris Eltsine
Никита Хрущёв|Nikita Khrushchev|Nikita Chruschtschow
Сергей Лавров|Sergey Lavrov|Sergej Lawrow|Serguei Lavrov
Володимир Зеленський|Volodymyr Zelenskyy|Volodymyr Zelensky|Wolodymyr Selenskyj
Александр Лукашенко|Alexander Lukashenko|Aleksandr Lukashenko
Рамзан Кадыров|Ramzan Kadyrov|Ramsan Kadyrow
Лев Толстой|Lev Tolstoy|Lew Tolstoi
Фёдор Достоевский|Fyodor Dostoevsky|Fjodor Dostojewski|Fedor Dostoyevsky
Пётр Чайковский|Pyotr Tchaikovsky|Peter Tchaikovsky|Pjotr Tschaikowski
معمر القذافي|Muammar Gaddafi|Moammar Khadafy|Muammar al-Qaddafi|Mouammar Kadhafi
صدام حسين|Saddam Hussein|Saddam Husain|Sadam Husein
ياسر عرفات|Yasser Arafat|Yasir Arafat
بشار الأسد|Bashar al-Assad|Bachar el-Assad|Baschar al-Assad
حافظ الأسد|Hafez al-Assad|Hafiz al-Asad
حسني مبارك|Hosni Mubarak|Husni Mubarak|Hosni Moubarak
جمال عبد الناصر|Gamal Abdel Nasser|Jamal Abd al-Nasir|Gamal Abdul Nasser
أنور السادات|Anwar Sadat|Anwar el-Sadat|Anouar el-Sadate
أسامة بن لادن|Osama bin Laden|Usama bin Ladin|Oussama Ben Laden
أيمن الظواهري|Ayman al-Zawahiri|Aiman al-Zawahiri|Ayman az-Zawahiri
أبو بكر البغدادي|Abu Bakr al-Baghdadi|Abou Bakr al-Baghdadi
أبو مصعب الزرقاوي|Abu Musab al-Zarqawi|Abu Mus'ab az-Zarqawi
محمود عباس|Mahmoud Abbas|Mahmud Abbas
حسن نصر الله|Hassan Nasrallah|Hasan Nasrallah|Hassan Nasrullah
علي خامنئي|Ali Khamenei|Ali Khameneï|Ali Chamenei
محمود أحمدي نجاد|Mahmoud Ahmadinejad|Mahmud Ahmadinedschad|Mahmoud Ahmadi Nejad
نوري المالكي|Nouri al-Maliki|Nuri al-Maliki
عبد الفتاح السيسي|Abdel Fattah el-Sisi|Abd al-Fattah al-Sisi|Abdul Fattah al-Sisi
نجيب محفوظ|Naguib Mahfouz|Najib Mahfuz|Nagib Machfus
安倍晋三|Shinzo Abe|Abe Shinzō|あべ しんぞう
小泉純一郎|Junichiro Koizumi|Koizumi Jun'ichirō|こいずみ じゅんいちろう
岸田文雄|Fumio Kishida|Kishida Fumio|きしだ ふみお
村上春樹|Haruki Murakami|Murakami Haruki|むらかみ はるき
黒澤明|Akira Kurosawa|Kurosawa Akira|くろさわ あきら
宮崎駿|Hayao Miyazaki|Miyazaki Hayao|みやざき はやお
石破茂|Shigeru Ishiba|Ishiba Shigeru|いしば しげる
菅義偉|Yoshihide Suga|Suga Yoshihide|すが よしひで
麻原彰晃|Shoko Asahara|Asahara Shōkō|あさはら しょうこう
三島由紀夫|Yukio Mishima|Mishima Yukio|みしま ゆきお
ทักษิณ ชินวัตร|Thaksin Shinawatra|Taksin Chinnawat
ยิ่งลักษณ์ ชินวัตร|Yingluck Shinawatra|Yinglak Chinnawat
ประยุทธ์ จันทร์โอชา|Prayut Chan-o-cha|Prayuth Chan-ocha
อภิสิทธิ์ เวชชาชีวะ|Abhisit Vejjajiva|Aphisit Wetchachiwa
ภูมิพล อดุลยเดช|Bhumibol Adulyadej|Phumiphon Adunyadet
เศรษฐา ทวีสิน|Srettha Thavisin|Settha Thawisin
ชวน หลีกภัย|Chuan Leekpai|Chuan Likphai
เปรม ติณสูลานนท์|Prem Tinsulanonda|Prem Tinsulanon
习近平|Xi Jinping|Xi Jin-ping
毛泽东|Mao Zedong|Mao Ze Dong
胡锦涛|Hu Jintao|Hu Jin Tao
邓小平|Deng Xiaoping|Deng Xiao Ping
李克强|Li Keqiang|Li Ke Qiang
김정은|Kim Jong-un|Kim Jong Un|Gim Jeong-eun
김정일|Kim Jong-il|Kim Jong Il|Gim Jeong-il
김대중|Kim Dae-jung|Gim Dae-jung|Kim Dae Jung
문재인|Moon Jae-in|Mun Jae-in
박근혜|Park Geun-hye|Bak Geun-hye|Pak Kun-hye
Soekarno|Sukarno|Ahmed Sukarno
Soeharto|Suharto|Haji Mohammad Soeharto
Susilo Bambang Yudhoyono|Soesilo Bambang Yudhoyono|Susilo Bambang Yudoyono
Joko Widodo|Djoko Widodo|Ir. H. Joko Widodo
Bacharuddin Jusuf Habibie|B. J. Habibie|Bacharudin Yusuf Habibi
Abdurrahman Wahid|KH. Abdurrahman Wahid|Abdul Rahman Wahid
Megawati Sukarnoputri|Megawati Soekarnoputri|Hj. Megawati Sukarnoputri
Prabowo Subianto|Prabowo Soebianto|Prabowo Subianto Djojohadikusumo
Abu Bakar Ba'asyir|Abu Bakar Bashir|Abu Bakar Baasyir
Mohammad Hatta|Muhammad Hatta|Mohamad Hatta
Sutan Sjahrir|Sutan Syahrir|Soetan Sjahrir
Mahathir Mohamad|Mahathir bin Mohamad|Mahathir Mohammad
Najib Razak|Najib bin Abdul Razak|Najib Tun Razak
Anwar Ibrahim|Anwar bin Ibrahim|Dato' Seri Anwar bin Ibrahim
Hồ Chí Minh|Ho Chi Minh
Võ Nguyên Giáp|Vo Nguyen Giap|Giap Vo Nguyen
Nguyễn Phú Trọng|Nguyen Phu Trong|Trong Nguyen Phu
Lê Đức Thọ|Le Duc Tho|Tho Le Duc
Recep Tayyip Erdoğan|Recep Tayyip Erdogan|Rejep Tayip Erdogan
Angela Merkel|Angela Dorothea Merkel
François Mitterrand|Francois Mitterrand|François Mitterand
Slobodan Milošević|Slobodan Milosevic|Слободан Милошевић
Ратко Младић|Ratko Mladić|Ratko Mladic
""")
ORGANISATIONS = lines("""
PT Bank Negara Indonesia Tbk|Bank Negara Indonesia|P.T. Bank Negara Indonesia (Persero) Tbk.
PT Garuda Indonesia|Garuda Indonesia|P.T. Garuda Indonesia (Persero)
PT Telkom Indonesia Tbk|Telkom Indonesia
PT Pertamina|Pertamina|P.T. Pertamina (Persero)
PT Bank Mandiri Tbk|Bank Mandiri
PT Bank Rakyat Indonesia|Bank Rakyat Indonesia (Persero) Tbk
Yayasan Amal Sejahtera|Amal Sejahtera Foundation
CV Sumber Makmur|C.V. Sumber Makmur|Sumber Makmoer CV
PT Maju Jaya Abadi|P.T. Madju Djaja Abadi
Universitas Gadjah Mada|Gajah Mada University|Universitas Gajah Mada
Universitas Indonesia|University of Indonesia
Petroliam Nasional Berhad|Petroliam Nasional Bhd
Malayan Banking Berhad|Malayan Banking Bhd.
Sinar Harapan Sdn Bhd|Sinar Harapan Sdn. Bhd.|Sinar Harapan Sendirian Berhad
ООО Газпром нефть|Gazprom Neft LLC|OOO Gazprom Neft
ПАО Газпром|PJSC Gazprom|Gazprom PAO
ОАО Роснефть|Rosneft OJSC|Rosneft
ПАО Сбербанк|Sberbank PJSC|Sberbank
АО Альфа-Банк|Alfa-Bank JSC|AO Alfa Bank|Alfabank
ПАО Лукойл|Lukoil PJSC|Lukoil
АО Концерн Калашников|Kalashnikov Concern JSC|AO Kontsern Kalashnikov
ПАО Аэрофлот|Aeroflot PJSC|Aeroflot
ООО Северный ветер|Severnyy Veter OOO|Severny Veter LLC
株式会社三菱重工業|三菱重工業株式会社|Mitsubishi Heavy Industries, Ltd.|Mitsubishi Heavy Industries K.K.
三菱電機株式会社|Mitsubishi Electric Corporation
株式会社日立製作所|日立製作所
トヨタ自動車株式会社|Toyota Motor Corporation|Toyota Motor
ホンダ株式会社|Honda K.K.|Honda Co., Ltd.
ソニーグループ株式会社|Sony Group Corporation|ソニーグループ
日産自動車株式会社|Nissan Motor Co., Ltd.|日産自動車
三井住友銀行|株式会社三井住友銀行|Mitsui Sumitomo Bank
東京大学|Tokyo University|University of Tokyo
京都大学|Kyoto University|University of Kyoto
東京電力株式会社|Tokyo Electric Power Company|Tokyo Electric Power
日本航空株式会社|Japan Airlines Co., Ltd.|Japan Airlines
パナソニック株式会社|Panasonic Corporation|Panasonic
ธนาคารกรุงเทพ จำกัด (มหาชน)|Bangkok Bank PCL|Bangkok Bank
ธนาคารกสิกรไทย|Kasikorn Thai Bank|Kasikornthai Bank
บริษัท การบินไทย จำกัด (มหาชน)|Thai Airways PCL
มหาวิทยาลัยมหิดล|Mahidol University
มหาวิทยาลัยเชียงใหม่|Chiang Mai University
บริษัท สมบูรณ์ทรัพย์ จำกัด|Somboonsap Co., Ltd.|Sombunsap Company Limited
中国银行|Bank of China
بنك مصر|Banque Misr|Bank Misr
جامعة القاهرة|University of al-Qahira
مؤسسة النور الخيرية|al-Nour Charity Foundation|An-Nur Charity Foundation
شركة الرافدين للتجارة|Rafidain Trading Company|Al-Rafidayn Trading Co.
مصرف الرافدين|Rafidain Bank|Al-Rafidain Bank
حزب الله|Hizballah|Hezbollah|Hizbullah
삼성전자 주식회사|Samsung Electronics Co., Ltd.|Samsung Electronics
현대자동차|Hyundai Motor Company|Hyundai Motor
국민은행|Kookmin Bank
Deutsche Bank AG|Deutsche Bank Aktiengesellschaft|Deutsche Bank
Siemens AG|Siemens Aktiengesellschaft
Müller Maschinenbau GmbH|Mueller Maschinenbau GmbH
Société Générale SA|Societe Generale S.A.
Crédit Agricole|Credit Agricole SA
Nordwind Handels GmbH|Nordwind Handels G.m.b.H.
Banco Santander S.A.|Banco Santander
Acme Shipping Limited|Acme Shipping Ltd.|ACME Shipping
Blue Ocean Trading LLC|Blue Ocean Trading L.L.C.|Blue Ocean Trading
Golden Star General Trading LLC|Golden Star Gen. Trading L.L.C.
Jemaah Islamiyah|Jamaah Islamiah|Jama'ah Islamiyya
Jamaah Ansharut Daulah|Jemaah Ansorut Daulah
Al-Qaida|al-Qaeda|Al Qaeda
Al-Shabaab|Al Shabab|ash-Shabaab
Lashkar-e-Taiba|Lashkar-e-Tayyiba|Lashkar e Toiba
Abu Sayyaf Group|Abou Sayaf Group
Aum Shinrikyo|オウム真理教|Aum Shinrikyō
""")
NEAR_ORGANISATIONS = lines("""
PT Bank Negara Indonesia Tbk|PT Bank Rakyat Indonesia Tbk
PT Bank Mandiri|PT Bank Permata
PT Garuda Indonesia|PT Citilink Indonesia
PT Maju Jaya Abadi|PT Maju Jaya Sentosa
PT Sumber Makmur|CV Sumber Makmur
PT Sumber Rejeki|PT Sumber Makmur
Universitas Gadjah Mada|Universitas Brawijaya
Universitas Indonesia|Universitas Negeri Jakarta
Yayasan Amal Sejahtera|Yayasan Amal Bakti
Petroliam Nasional Berhad|Perbadanan Nasional Berhad
Malayan Banking Berhad|Malayan Flour Mills Berhad
Sinar Harapan Sdn Bhd|Sinar Jaya Sdn Bhd
ООО Газпром нефть|ООО Газпром трансгаз
ПАО Газпром|ПАО Новатэк
ОАО Роснефть|ОАО Татнефть
Rosneft OJSC|ОАО Башнефть
Sberbank PJSC|ПАО Промсвязьбанк
АО Альфа-Банк|АО Россельхозбанк
Alfa-Bank JSC|Delta-Bank JSC
ООО Северный ветер|ООО Северный берег
Severny Veter LLC|ООО Южный ветер
三菱重工業株式会社|三菱電機株式会社
三菱重工業株式会社|川崎重工業株式会社
Mitsubishi Heavy Industries, Ltd.|川崎重工業株式会社
Mitsubishi Heavy Industries, Ltd.|Kawasaki Heavy Industries, Ltd.
トヨタ自動車株式会社|日産自動車株式会社
Toyota Motor Corporation|マツダ株式会社
Toyota Motor Corporation|日産自動車株式会社
東京大学|京都大学
Tokyo University|京都大学
University of Tokyo|University of Kyoto
東京電力株式会社|関西電力株式会社
Tokyo Electric Power Company|関西電力株式会社
日本航空株式会社|全日本空輸株式会社
三井住友銀行|三菱銀行
ธนาคารกรุงเทพ|ธนาคารกรุงไทย
Bangkok Bank PCL|ธนาคารกรุงไทย
Bangkok Bank PCL|Krungthai Bank PCL
มหาวิทยาลัยมหิดล|มหาวิทยาลัยขอนแก่น
Mahidol University|มหาวิทยาลัยเชียงใหม่
Chiang Mai University|มหาวิทยาลัยเชียงราย
บริษัท สมบูรณ์ทรัพย์ จำกัด|บริษัท สมบูรณ์ก่อสร้าง จำกัด
中国银行|中国建设银行
Bank of China|工商银行
بنك مصر|بنك القاهرة
Bank Misr|بنك القاهرة
جامعة القاهرة|جامعة الإسكندرية
مؤسسة النور الخيرية|مؤسسة الرحمة الخيرية
al-Nour Charity Foundation|مؤسسة الإحسان الخيرية
شركة الرافدين للتجارة|شركة الفرات للتجارة
Rafidain Trading Company|شركة دجلة للتجارة
삼성전자|LG전자
Samsung Electronics|현대전자
Hyundai Motor Company|기아자동차
Deutsche Bank AG|Dresdner Bank AG
Deutsche Bank AG|Deutsche Telekom AG
Siemens AG|Siemens Energy AG
Müller Maschinenbau GmbH|Müller Anlagenbau GmbH
Société Générale SA|Société Nouvelle SA
Banco Santander S.A.|Banco Sabadell S.A.
Acme Shipping Limited|Acme Logistics Limited
Acme Shipping Limited|Acorn Shipping Limited
Blue Ocean Trading LLC|Blue Ocean Shipping LLC
Blue Ocean Trading LLC|Blue Mountain Trading LLC
Golden Star General Trading LLC|Golden Sun General Trading LLC
Golden Star General Trading LLC|Silver Star General Trading LLC
Jemaah Islamiyah|Jamaah Ansharut Daulah
Jemaah Islamiyah|Jamaat-e-Islami
Jamaah Ansharut Daulah|Jamaah Ansharut Tauhid
Al-Qaida|Al-Shabaab
Lashkar-e-Taiba|Lashkar-e-Jhangvi
Abu Sayyaf Group|Abu Nidal Organization
Yayasan An-Nur|Yayasan Al-Ikhlas
PT Indofood|PT Indosat
PT Astra International|PT Astra Agro
Northern Trading Co.|Northern Mining Co.
Kaspersky Lab|Kalashnikov Concern
PT Angkasa Pura I|PT Angkasa Pura II
1st Star Shipping Ltd|2nd Star Shipping Ltd
""")
