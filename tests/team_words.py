"""What imagined teams of agents call things: their trades, names, tools, files and ways of speaking.

`TRADES` are the teams that the rules were first judged by, `OTHER_TRADES` share no word with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trade:
    """The vocabulary of one team."""

    key: str
    lead: str
    crew: tuple[str, ...]
    model: str
    window: int
    hand: str  # the tool by which work is handed on, `{}` standing for the agent
    look: tuple[str, str]  # tool and its argument
    items: tuple[str, ...]
    found: str  # with {item} and {n}
    save: tuple[str, str, str]  # tool, path key, body key
    fetch: tuple[str, str]
    paths: tuple[str, ...]
    poll: tuple[str, str, str, str]  # tool, argument, while it runs, when it is done
    check: tuple[str, str, str]  # tool, what it says of a fault, what it says when all is well
    danger: str
    task: str
    musing: tuple[str, ...]
    done: str
    half: str  # with {reason}: an honest ending after something failed
    waiting: str  # with {name}: what is said while waiting for somebody
    memory: tuple[str, str] = ("memory_set", "memory_get")
    extras: dict[str, str] = field(default_factory=dict)


FREIGHT = Trade(
    "freight", "Quayside", ("Tariff Desk", "Drayage", "Reefer Watch", "Manifest Clerk", "Berth Planner", "Claims"),
    "claude-sonnet-4-5", 200_000, "hand_to_{}", ("track_consignment", "awb"),
    ("176-48291034", "020-55120987", "618-20445511", "057-90317722", "235-66118840", "125-70003819", "784-13370915"),
    "{item}: discharged at Rotterdam ECT, {n} cartons tallied, seal intact",
    ("file_put", "location", "body"), ("file_get", "location"),
    ("ops/berth-plan.md", "ops/customs/entry-0417.json", "ops/claims/ledger.csv", "ops/reefer-setpoints.yaml"),
    ("clearance_state", "entry", "UNDER EXAMINATION", "RELEASED"),
    ("validate_entry", "2 of 9 lines rejected: HS code 8471.30 does not match the invoice", "9 lines accepted"),
    "release_container", "Get the three reefers from the Maersk Essen out of the terminal before the free time ends.",
    ("The carrier's note mentions a hold; I want the tally first.", "Free time ends on Friday, so drayage comes before the claim.",
     "One seal number differs by a digit; worth a second look."),
    "The three reefers are booked on trucks and the entry is lodged.",
    "I could not finish the entry: {reason}. The two other reefers are booked; the third is still in the terminal.",
    "waiting for {name} to confirm the slot",
)  # fmt: skip

ROTA = Trade(
    "rota", "Stationsleitung", ("Dienstplaner", "Urlaubsbuch", "Tarifwächter", "Pool-Vermittlung", "Nachtwache", "Protokoll"),
    "gpt-5-mini", 400_000, "uebergib_an_{}", ("dienst_abfragen", "schicht"),
    ("KW17-Mo-Früh", "KW17-Mo-Spät", "KW17-Di-Nacht", "KW17-Mi-Früh", "KW17-Do-Spät", "KW17-Fr-Nacht", "KW17-Sa-Früh"),
    "{item}: {n} Pflegekräfte eingeteilt, Qualifikationsmix erfüllt",
    ("dokument_sichern", "datei", "inhalt"), ("dokument_lesen", "datei"),
    ("plaene/kw17.md", "plaene/ausfaelle.csv", "regeln/ruhezeiten.md", "plaene/pool-anfragen.json"),
    ("pool_anfrage_status", "anfrage", "in Bearbeitung", "bestätigt"),
    ("ruhezeit_pruefen", "Verstoß: Sr. Ilse hat nur 9 h Ruhezeit zwischen Spät und Früh", "keine Verstöße gefunden"),
    "dienstplan_veroeffentlichen", "Stelle den Dienstplan der Station 4B für KW 17 fertig und halte die Ruhezeiten ein.",
    ("Zwei Ausfälle am Dienstag; zuerst schaue ich, wer noch Plusstunden abbauen will.",
     "Der Nachtdienst braucht eine examinierte Kraft, also nicht einfach tauschen.",
     "Vor dem Wochenende lieber noch einmal die Wünsche gegenlesen."),
    "Der Plan für KW 17 steht, alle Schichten sind besetzt.",
    "Der Plan ist nicht vollständig: {reason}. Offen bleibt die Nacht von Dienstag auf Mittwoch.",
    "warte auf {name}",
    ("merken", "erinnern"),
)  # fmt: skip

STUDIO = Trade(
    "studio", "showrunner", ("level-smith", "foley", "shader-imp", "quest-scribe", "loc-lead", "playtest-bot"),
    "gemini-2.5-pro", 1_048_576, "assign.{}", ("asset_lookup", "guid"),
    ("b7f1-moss-golem", "c902-tide-gate", "a331-lantern-kite", "e5d0-bone-flute", "d41c-salt-mire", "f00d-pie-stall", "9ac4-fog-bell"),
    "{item}: 3 LODs, {n} triangles in LOD0, atlas 2048",
    ("depot.submit", "file", "text"), ("depot.sync", "file"),
    ("Content/Quests/tidegate.json", "Content/Audio/foley_bank.csv", "Design/beats.md", "Config/streaming.ini"),
    ("cook_progress", "build", "cooking shaders 41%", "cook finished"),
    ("smoke_test", "FAILED tidegate_opens: lever has no collision", "42 passed, 0 failed"),
    "push_to_live", "Bring the Tidegate quest to a playable vertical slice for Thursday's review.",
    ("If the golem keeps its collision capsule, the lever is unreachable; check the blockout.",
     "Loc wants strings frozen by noon, so the quest text goes first.",
     "The foley bank is over budget; trim the footsteps before touching music."),
    "Tidegate is playable end to end and the build is on the review machine.",
    "The slice is not ready: {reason}. Quest text and audio are in; the lever is still dead.",
    "on hold until {name} delivers",
)  # fmt: skip

LEGAL = Trade(
    "legal", "Socia Directora", ("Revisora de Contratos", "Analista de Riesgos", "Jurisprudencia", "Notaría", "Redactor", "Traductora"),
    "claude-opus-4-1", 200_000, "encargar_{}", ("buscar_clausula", "referencia"),
    ("cl. 4.2 penalización", "cl. 7.1 cesión", "cl. 9.3 fuero", "cl. 11 confidencialidad", "cl. 13.4 indexación", "cl. 15 garantía", "cl. 18.2 rescisión"),
    "{item}: redacción estándar, {n} precedentes en el repositorio",
    ("guardar_documento", "ruta", "texto"), ("abrir_documento", "ruta"),
    ("expedientes/2231/dictamen.md", "expedientes/2231/riesgos.csv", "plantillas/arrendamiento.md", "expedientes/2231/anexo-b.txt"),
    ("estado_registro", "expediente", "EN TRÁMITE", "INSCRITO"),
    ("comprobar_citas", "3 citas sin fuente: STS 482/2019, STS 77/2021, art. 1281 CC", "todas las citas verificadas"),
    "presentar_escrito", "Revisa el contrato de arrendamiento del local de la calle Serrano y prepara el dictamen para el cliente.",
    ("La penalización supera lo habitual; conviene ver precedentes antes de opinar.",
     "El fuero pactado es Madrid, pero el garante reside en Lisboa.",
     "Falta el anexo B; sin él la indexación no se puede calcular."),
    "El dictamen está listo y firmado para su envío al cliente.",
    "El dictamen queda incompleto: {reason}. Falta verificar el anexo B; el resto está redactado.",
    "a la espera de {name}",
    ("anotar_memoria", "consultar_memoria"),
)  # fmt: skip

LAKE = Trade(
    "lake", "conductor", ("ingest-7", "dq-sentinel", "dbt-runner", "lineage-mapper", "cost-warden", "catalog-scribe"),
    "gpt-4.1", 1_047_576, "dispatch_{}", ("describe_partition", "partition"),
    ("dt=2026-04-01", "dt=2026-04-02", "dt=2026-04-03", "dt=2026-04-04", "dt=2026-04-05", "dt=2026-04-06", "dt=2026-04-07"),
    "{item}: {n} rows, 0 late files, watermark ok",
    ("s3_put_object", "key", "payload"), ("s3_get_object", "key"),
    ("models/marts/fct_orders.sql", "contracts/orders.yml", "runbooks/backfill.md", "exports/finance_daily.csv"),
    ("backfill_job", "job_id", '{"phase":"RUNNING"}', '{"phase":"SUCCEEDED"}'),
    ("dbt_test", "Failure in test not_null_fct_orders_customer_id: got 218 results", "PASS=64 WARN=0 ERROR=0"),
    "drop_partition", "Backfill fct_orders for the first week of April and publish the finance export.",
    ("Late files usually land before 03:00; look at the watermark before rerunning.",
     "The contract pins customer_id as not null, so a left join will bite us.",
     "Spot capacity is thin at night; a smaller warehouse might be kinder."),
    "The first week of April is backfilled and the finance export is published.",
    "The backfill is only partly through: {reason}. Days one to four are in; the export was not published.",
    "waiting on {name}",
)  # fmt: skip

NEWS = Trade(
    "news", "Chef de desk", ("Enquêtrice", "Vérificateur", "Infographie", "Secrétaire de rédaction", "Veille", "Archiviste"),
    "mistral-large-2411", 128_000, "confier_{}", ("consulter_depeche", "cote"),
    ("AFP-0412-118", "AFP-0412-203", "RTR-0412-077", "AFP-0413-009", "RTR-0413-154", "AP-0413-310", "AFP-0414-021"),
    "{item} : {n} mots, deux sources concordantes",
    ("deposer_fichier", "chemin", "contenu"), ("ouvrir_fichier", "chemin"),
    ("une/papier-principal.md", "une/encadre.md", "data/scrutin.csv", "une/legendes.txt"),
    ("etat_bat", "page", "en composition", "bon à tirer"),
    ("relecture_faits", "deux chiffres sans source : participation, coût du scrutin", "tous les faits sont sourcés"),
    "publier_article", "Boucler le papier principal sur le scrutin avant vingt heures, avec un encadré chiffré.",
    ("La dépêche de midi contredit celle du matin ; je garde la plus récente.",
     "Sans la participation définitive, l'encadré ne tient pas.",
     "Le titre peut attendre, la légende non."),
    "Le papier principal et l'encadré sont bouclés et relus.",
    "Le papier n'est pas bouclé : {reason}. L'encadré reste en attente, le reste est relu.",
    "en attente de {name}",
    ("retenir", "rappeler"),
)  # fmt: skip

TRADES = (FREIGHT, ROTA, STUDIO, LEGAL, LAKE, NEWS)

OBSERVATORY = Trade(
    "observatory", "night-director", ("dome-hand", "spectro", "seeing-eye", "flat-fielder", "target-queue", "archivist-9"),
    "claude-haiku-4-5", 200_000, "pass_on_{}", ("ephemeris", "target"),
    ("TYC 4519-711", "HD 189733", "V404 Cyg", "M57", "2P/Encke", "NGC 6946", "WASP-12"),
    "{item}: altitude fine until dawn, {n} s of exposure left in the queue",
    ("vault_store", "slot", "data"), ("vault_load", "slot"),
    ("night/plan.txt", "night/flats.csv", "calib/bias-table.md", "night/log.md"),
    ("dome_motion", "axis", "slewing", "parked"),
    ("focus_check", "FWHM 4.1 px, above the limit of 2.5", "FWHM 1.9 px, within limits"),
    "open_shutter", "Take three spectra of HD 189733 before moonrise and reduce them.",
    ("Humidity is creeping up; do the faint target while the dome may stay open.", "Flats from Tuesday still hold if nobody touched the rotator.",
     "The guide star is double; pick the one to the south."),
    "Three spectra are taken and reduced.",
    "Only part of the night worked out: {reason}. One spectrum is reduced, two are missing.",
    "holding for {name}",
)  # fmt: skip

KITCHEN = Trade(
    "kitchen", "Capocuoco", ("Dispensa", "Pasticcera", "Cantina", "Allergeni", "Fornitori", "Comande"),
    "gpt-4o", 128_000, "passa_a_{}", ("giacenza", "articolo"),
    ("burrata 125g", "farina tipo 1", "olio taggiasco", "limoni Amalfi", "guanciale", "ricotta salata", "acciughe Cetara"),
    "{item}: {n} pezzi in cella, scadenza oltre la settimana",
    ("archivia", "nome", "righe"), ("leggi", "nome"),
    ("menu/sabato.md", "ordini/fornitori.csv", "schede/allergeni.md", "menu/vini.txt"),
    ("stato_ordine", "ordine", "in preparazione", "consegnato"),
    ("controllo_schede", "scheda 14 senza allergeni dichiarati", "tutte le schede complete"),
    "conferma_ordine", "Prepara il menù di sabato per ottanta coperti e gli ordini ai fornitori.",
    ("Il guanciale non basta per due carbonare; meglio una gricia sola.", "La burrata arriva il venerdì, quindi l'antipasto regge.",
     "Due tavoli celiaci: prima la scheda allergeni."),
    "Il menù di sabato è pronto e gli ordini sono partiti.",
    "Il menù resta a metà: {reason}. Gli antipasti ci sono, il resto manca.",
    "aspetto {name}",
    ("segna", "ricorda"),
)  # fmt: skip

CLAIMS = Trade(
    "claims", "adjuster-prime", ("photo-reader", "policy-lookup", "fraud-nose", "repair-quoter", "letter-writer", "reserve-setter"),
    "gemini-2.5-flash", 1_048_576, "route_to_{}", ("fetch_claim", "claim_no"),
    ("CLM-88120", "CLM-88121", "CLM-88134", "CLM-88157", "CLM-88160", "CLM-88171", "CLM-88199"),
    "{item}: cover in force, {n} photos attached, excess applies",
    ("dms_upload", "doc", "contents"), ("dms_download", "doc"),
    ("letters/88120.txt", "reserves/april.csv", "guides/hail.md", "letters/88121.txt"),
    ("garage_slot", "booking", "requested", "confirmed"),
    ("audit_letter", "reserve in the letter differs from the file", "letter agrees with the file"),
    "pay_out", "Settle the hail claims of the weekend and write to the policy holders.",
    ("Two cars share a plate in the photos; look at the frames again.", "The guide says hail above three centimetres goes to the panel.",
     "A reserve first, the letter after."),
    "All hail claims of the weekend are settled and the letters are out.",
    "The weekend's claims are not all settled: {reason}. CLM-88157 stays open.",
    "awaiting {name}",
)  # fmt: skip

OTHER_TRADES = (OBSERVATORY, KITCHEN, CLAIMS)

# How services and tools word their failures: type and message.
OUTAGES = (
    ("HTTPStatusError", "Server error '503 Service Unavailable' for url 'https://gw.internal/v2/query'"),
    ("RateLimitError", "Error code: 429 - {'error': {'message': 'Rate limit reached for requests per min (RPM): Limit 500'}}"),
    ("ReadTimeout", "HTTPSConnectionPool(host='gw.internal', port=443): Read timed out. (read timeout=30)"),
    ("ConnectionError", "[Errno 111] Connection refused"),
    ("OverloadedError", "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}"),
    ("ServerError", "500 INTERNAL. {'error': {'code': 500, 'message': 'An internal error has occurred.', 'status': 'INTERNAL'}}"),
)  # fmt: skip
MISHAPS = (
    ("PermissionError", "[Errno 13] Permission denied: '/srv/shared/out'"),
    ("NotFoundError", "404 Not Found: no record with that reference"),
    ("ValidationError", "1 validation error for Request: quantity - Input should be a valid integer"),
    ("KeyError", "'unit_price'"),
    ("AuthenticationError", "401 Unauthorized: token has expired"),
)
OTHER_OUTAGES = (
    ("BadGateway", "upstream connect error or disconnect/reset before headers. reset reason: overflow"),
    ("ThrottlingException", "An error occurred (ThrottlingException) when calling the InvokeModel operation: Too many tokens, please wait before trying again."),
    ("DeadlineExceeded", "504 Deadline Exceeded"),
    ("BrokenPipeError", "[Errno 32] Broken pipe"),
)  # fmt: skip
OTHER_MISHAPS = (
    ("AccessDeniedException", "User is not authorized to perform this action on the resource"),
    ("FileNotFoundError", "[Errno 2] No such file or directory"),
    ("JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ("TypeError", "unsupported operand type(s) for +: 'NoneType' and 'str'"),
)
