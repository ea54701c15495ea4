"""Where customers and suppliers are, and how people and companies are named there.

A word that is not written in Latin letters is followed by its transcription: `田中|tanaka`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """`companies` are patterns of a company's name, of {family}, {other}, {trade} and {city}."""

    code: str
    customers: int
    """Of a hundred customers, so many are here."""
    dial: str
    currency: str
    cities: str
    given: str
    family: str
    trades: str
    companies: tuple[str, ...]
    family_first: bool = False


_GERMAN_GIVEN = "Jürgen Anneliese Björn Katrin Lukas Sabine Günther Mia Thomas Käthe Sören Ursula Felix Jörg"
_GERMAN_TRADES = "Maschinenbau Antriebstechnik Hydraulik Fördertechnik Anlagenbau Werkzeugbau Getriebe Pumpen Metallbau"

COUNTRIES = (
    Country(
        "DE",
        22,
        "+49",
        "EUR",
        "Berlin München Köln Düsseldorf Hamburg Nürnberg Saarbrücken Leipzig Lübeck Würzburg",
        _GERMAN_GIVEN,
        "Müller Schmidt Schröder Weiß Jäger Böhm Krüger Großmann Hoffmann Köhler Lange Fuchs Voß Brandt Özdemir",
        _GERMAN_TRADES,
        (
            "{family} {trade} GmbH",
            "{family} & {other} GmbH & Co. KG",
            "Gebr. {family} {trade} KG",
            "{trade} {city} AG",
            "{family} {trade} {city}",
        ),
    ),
    Country(
        "AT",
        4,
        "+43",
        "EUR",
        "Wien Graz Linz Salzburg Innsbruck",
        _GERMAN_GIVEN,
        "Gruber Huber Wagner Pichler Steiner Moser Mayr Höfler Schwarz Türk",
        _GERMAN_TRADES,
        ("{family} {trade} GmbH", "{family} & Söhne", "{trade} {city} GmbH"),
    ),
    Country(
        "CH",
        4,
        "+41",
        "CHF",
        "Zürich Genève Basel Bern Lugano",
        "Urs Beat Reto Céline Noémie Luca Ursina Jürg Regula Zoé",
        "Zürcher Bürgi Meier Favre Rochat Bernasconi Frei Wüthrich Gerber Äschlimann",
        _GERMAN_TRADES,
        ("{family} {trade} AG", "{family} & {other} AG", "{trade} {city} AG"),
    ),
    Country(
        "FR",
        12,
        "+33",
        "EUR",
        "Paris Lyon Marseille Nîmes Besançon Saint-Étienne Toulouse Orléans",
        "François Chloé Étienne Hélène Benoît Anaïs Jérôme Maëlle Loïc Océane Gaël Zoë",
        "Lefèvre Dupont Moreau Béranger Garçon Gauthier Noël Chevalier Perrin Lemaître Rousseau Hébert",
        "Mécanique Hydraulique Roulements Usinage Automatismes Chaudronnerie Pompes Outillage",
        (
            "{trade} {family} SARL",
            "Éts {family}",
            "{family} & Fils SAS",
            "{family} {other} {trade}",
            "{trade} {city} SA",
        ),
    ),
    Country(
        "IT",
        9,
        "+39",
        "EUR",
        "Milano Torino Bologna Forlì Brescia Modena Napoli",
        "Niccolò Giulia Matteo Chiara Nicolò Francesca Andrea Elisa Davide Noè",
        "Rossi Ferrari Bianchi Conti Marchetti Galli D'Angelo Santoro Donà Caputo Rizzo",
        "Meccanica Ingranaggi Oleodinamica Automazione Cuscinetti Pompe Carpenteria",
        ("{trade} {family} S.r.l.", "F.lli {family} S.n.c.", "{family} & {other} S.p.A.", "{city} {trade} S.r.l."),
    ),
    Country(
        "ES",
        6,
        "+34",
        "EUR",
        "Madrid Barcelona Málaga Zaragoza Córdoba Bilbao",
        "José María Íñigo Lucía Andrés Begoña Ángel Inés Raúl Sofía",
        "García Núñez Ibáñez Fernández Muñoz Peña López Etxeberria Castaño Vázquez",
        "Mecánica Hidráulica Rodamientos Automatización Bombas Suministros",
        ("{trade} {family} S.L.", "{family} e Hijos S.A.", "{family} {other} {trade}", "{trade} {city} S.A."),
    ),
    Country(
        "NL",
        6,
        "+31",
        "EUR",
        "Rotterdam Eindhoven Utrecht Groningen Breda",
        "Daan Sanne Joost Anouk Thijs Maartje Ruben Noëlle Sjoerd Zoë",
        "Jansen Bakker Visser Smit Dijkstra Hendriks Brouwer Koenen Mulder Drenthe",
        "Techniek Aandrijvingen Machinebouw Hydrauliek Lagers Pompen",
        ("{family} {trade} B.V.", "{family} & {other} B.V.", "{trade} {city} N.V.", "Gebroeders {family}"),
    ),
    Country(
        "DK",
        4,
        "+45",
        "EUR",
        "København Aarhus Odense Aalborg Helsingør",
        "Søren Mette Jørgen Kirsten Rasmus Åse Bjørn Freja Lærke Niels",
        "Sørensen Jørgensen Møller Kjær Nørgaard Østergaard Madsen Lund Bæk Holm",
        "Maskiner Hydraulik Teknik Lejer Pumper Industri",
        ("{family} {trade} A/S", "{family} & {other} ApS", "{city} {trade} A/S"),
    ),
    Country(
        "SE",
        4,
        "+46",
        "EUR",
        "Stockholm Göteborg Malmö Västerås Linköping Jönköping",
        "Åsa Björn Märta Göran Elin Håkan Linnéa Örjan Saga Nils",
        "Lindström Åkesson Sjöberg Öberg Bergman Nyström Häggkvist Ek Löfgren Dahl",
        "Mekaniska Hydraulik Maskin Kullager Verkstad Pump",
        ("{family} {trade} AB", "{family} & {other} AB", "{city} {trade} AB"),
    ),
    Country(
        "PL",
        6,
        "+48",
        "EUR",
        "Warszawa Kraków Łódź Wrocław Gdańsk Poznań Rzeszów",
        "Łukasz Małgorzata Paweł Agnieszka Michał Żaneta Grzegorz Świętosława Jędrzej Zofia",
        "Wójcik Kowalczyk Zieliński Dąbrowski Szymański Woźniak Kozłowski Jabłoński Łuczak Gąsior",
        "Maszyny Łożyska Hydraulika Napędy Metal Pompy",
        ("{family} {trade} Sp. z o.o.", "{trade} {city} S.A.", "PPHU {family}", "{family} i {other} Sp.j."),
    ),
    Country(
        "CZ",
        3,
        "+420",
        "EUR",
        "Praha Brno Plzeň Ostrava Liberec",
        "Jiří Zdeňka Ondřej Kateřina Tomáš Božena Štěpán Ludmila Václav Eliška",
        "Dvořák Novák Černý Procházka Kučera Říha Šťastný Beneš Hájek Žák",
        "Strojírny Ložiska Hydraulika Kovo Čerpadla",
        ("{family} {trade} s.r.o.", "{trade} {city} a.s.", "{family} & {other} s.r.o."),
    ),
    Country(
        "GB",
        7,
        "+44",
        "GBP",
        "London Manchester Sheffield Birmingham Leeds Glasgow Belfast Cardiff",
        "Oliver Amelia Harry Priya George Siobhán Callum Aisha Rhys Charlotte",
        "Smith Patel Taylor O'Connor Evans Hughes Ahmed Clarke MacLeod Thompson Whitfield",
        "Engineering Bearings Hydraulics Drives Fabrications Pumps",
        ("{family} {trade} Ltd", "{family} & {other} Ltd", "{city} {trade} plc", "{family} & Sons"),
    ),
    Country(
        "US",
        6,
        "+1",
        "USD",
        "Chicago Detroit Cleveland Houston Pittsburgh Milwaukee",
        "Emily Michael Renée Carlos Ashley José Tyler Keisha Brandon Hannah",
        "Johnson Williams García Peterson Nguyen Kowalski Anderson Washington Rivera Schultz",
        "Machine Bearing Industrial Hydraulics Fasteners Motion",
        ("{family} {trade} Inc.", "{family} & {other} LLC", "{city} {trade} Corp.", "{family} Brothers {trade}"),
    ),
    Country(
        "JP",
        3,
        "+81",
        "USD",
        "大阪|osaka 名古屋|nagoya 東京|tokyo 川崎|kawasaki 浜松|hamamatsu",
        "健太|kenta 陽子|yoko 翔太|shota 美咲|misaki 大輔|daisuke 花子|hanako 誠|makoto さくら|sakura",
        "田中|tanaka 佐藤|sato 鈴木|suzuki 高橋|takahashi 渡辺|watanabe 小林|kobayashi 山本|yamamoto 斎藤|saito",
        "製作所|seisakusho 精機|seiki 工業|kogyo 機械|kikai 産業|sangyo ポンプ|pump",
        ("株式会社{family}{trade}", "{family}{trade}株式会社", "{city}{trade}株式会社"),
        family_first=True,
    ),
    Country(
        "VN",
        2,
        "+84",
        "USD",
        "Hà~Nội Đà~Nẵng Hải~Phòng Biên~Hòa",
        "Thị~Hương Văn~Đức Minh~Anh Quốc~Bảo Ngọc~Ánh Tuấn~Kiệt Thùy~Linh Hữu~Phước",
        "Nguyễn Trần Lê Phạm Huỳnh Đặng Bùi Võ",
        "Cơ~Khí Thiết~Bị Máy~Móc Vòng~Bi Phụ~Tùng",
        ("Công ty TNHH {trade} {family}", "Công ty CP {trade} {city}", "{trade} {family} {other}"),
        family_first=True,
    ),
    Country(
        "TR",
        2,
        "+90",
        "EUR",
        "İstanbul İzmir Bursa Eskişehir Kayseri",
        "Ayşe Mehmet Gülşen Oğuz Çiğdem Emre Işıl Barış",  # noqa: RUF001 - Turkish has an i without a dot
        "Yılmaz Şahin Öztürk Çelik Doğan Kılıç Aydın Güneş",  # noqa: RUF001
        "Makina Rulman Hidrolik Sanayi Pompa",
        ("{family} {trade} A.Ş.", "{family} ve {other} Ltd. Şti.", "{city} {trade} A.Ş."),
    ),
)
"""`~` joins the words of one name."""

BY_CODE = {country.code: country for country in COUNTRIES}
