"""Wave 10, 13 April, morning: take stock. Nothing goes wrong here."""

from __future__ import annotations

from .legal import clause_calls
from .task import Task, Wave, call

TASKS = [
    Task(
        "Apollo",
        15,
        "List every text that must change for the 3.2 launch and draft the outline of the launch mail.",
        "drafts/text_inventory.md",
        "reading 41 pages",
        "23 texts listed, outline saved",
        [
            call(
                "I start with the sitemap.",
                "list_files",
                "site/index.md\nsite/pricing.md\nsite/e-invoicing.md\n"
                "site/security.md\ndocs/quickstart.md\ndocs/webhooks.md\n... 41 files",
                path="site",
            ),
            call(
                "The pricing page first, it has changed most often.",
                "read_file",
                "# Pricing\nTeam EUR 12, Business EUR 29, Enterprise EUR 49 per seat and month, plus VAT.",
                path="site/pricing.md",
            ),
            call(
                "Now the last launch mail, for tone.",
                "read_file",
                "Subject: Quillpost 3.1 reads XRechnung 3.0\nHello,\nfrom today Quillpost accepts XRechnung 3.0 ...",
                path="drafts/launch_mail_3_1.md",
            ),
            call(
                "I write the inventory.",
                "write_file",
                "saved, 3,912 bytes",
                path="drafts/text_inventory.md",
                content="| text | change |\n|---|---|\n| site/index.md | headline, date |\n| site/pricing.md | "
                "none |\n...",
            ),
        ],
        "23 texts must change for 3.2; 18 are date or screenshot changes, 5 need new copy. Outline of the launch mail "
        "has three parts: signed webhooks, Peppol receiving, Frankfurt hosting.",
        "first draft of the launch mail",
        ["Prices on the site are right and carry 'plus VAT'."],
    ),
    Task(
        "Hermes",
        12,
        "Clean the partner list in the CRM and say how many resellers can be mailed.",
        "outreach/partners_2026-04.csv",
        "checking 31 partner records",
        "14 resellers can be mailed",
        [
            call(
                "I pull the partner records.",
                "crm_search",
                '{"total":31,"active":17,"with_consent":14}',
                object="company",
                filter="type=partner",
            ),
            call(
                "Three active partners lack a mail consent, I look at them.",
                "crm_search",
                '[{"name":"Datenhafen","consent":null},{"name":"Ostwall IT","consent":null},{"name":"Kanzlei '
                'Bruns","consent":"withdrawn"}]',
                object="company",
                filter="type=partner AND active AND NOT consent",
            ),
            call(
                "I save the list.",
                "write_file",
                "saved, 1,204 bytes",
                path="outreach/partners_2026-04.csv",
                content="company,contact,language,consent_since\nNordkontor,Jule Ahlers,de,2025-03-02\n...",
            ),
        ],
        "31 partner records, 17 active, 14 with a valid mail consent. Datenhafen, Ostwall IT and Kanzlei Bruns "
        "left out.",
        "draft the partner note",
        ["14 resellers may be written to."],
    ),
    Task(
        "Athena",
        21,
        "Check the terms of service for the changes of release 3.2.",
        "legal/terms_review.md",
        "reading terms v7 clause by clause",
        "terms need two changes",
        clause_calls(0),
        "Terms v7 need two changes for 3.2: annex 1 must name Frankfurt am Main, and clause 5.2 must say "
        "that webhook delivery is not part of the availability figure.",
        "data processing agreement",
        ["Clause 3.1 states net prices; consumers are not customers of ours."],
    ),
    Task(
        "Prometheus",
        14,
        "Check list prices against cost per seat for the second quarter.",
        "finance/margins_q2.md",
        "computing margins",
        "margins hold at all tiers",
        [
            call(
                "I read the cost sheet.",
                "read_file",
                "tier,seats,cost_per_seat_eur\nteam,1840,3.10\nbusiness,912,6.40\nenterprise,377,11.90",
                path="finance/costs_2026q1.csv",
            ),
            call(
                "I compute the margins.",
                "margin_check",
                '{"team":0.742,"business":0.779,"enterprise":0.757,"floor":0.70}',
                costs="finance/costs_2026q1.csv",
                prices={"team": 12, "business": 29, "enterprise": 49},
            ),
            call(
                "All tiers are above the floor. I save the note.",
                "write_file",
                "saved, 1,377 bytes",
                path="finance/margins_q2.md",
                content="Team 74.2 %, Business 77.9 %, Enterprise 75.7 %; floor 70 %.",
            ),
        ],
        "Margins: Team 74.2 %, Business 77.9 %, Enterprise 75.7 %, all above the floor of 70 %. No change of "
        "list prices "
        "advised; Enterprise stays at EUR 49 plus VAT as frozen.",
        "tier comparison table",
        ["List prices are net."],
    ),
    Task(
        "Hyperion",
        13,
        "Count active accounts by tier and country for the launch plan.",
        "data/accounts_2026-04-12.csv",
        "querying the warehouse",
        "1,206 active accounts counted",
        [
            call(
                "Counting accounts.",
                "run_sql",
                "de 811, at 142, nl 118, se 77, other 58",
                sql="SELECT country, count(*) FROM accounts WHERE active GROUP BY 1",
            ),
            call(
                "By tier.",
                "run_sql",
                "team 902, business 241, enterprise 63",
                sql="SELECT tier, count(*) FROM accounts WHERE active GROUP BY 1",
            ),
            call(
                "Checking against billing.",
                "run_sql",
                "1206 accounts, 3129 seats; difference to billing 0",
                sql="SELECT count(*), sum(seats) FROM accounts JOIN billing USING (account_id) WHERE active",
            ),
        ],
        "1,206 active accounts with 3,129 seats: Team 902, Business 241, Enterprise 63. Agrees with billing to "
        "the account.",
        "webhook usage",
        ["Warehouse and billing agree."],
    ),
    Task(
        "Ares",
        16,
        "Smoke-test the 3.2 release candidate and list open defects.",
        "qa/rc1_report.md",
        "running 212 cases",
        "rc1: 209 of 212 pass",
        [
            call(
                "Running the smoke suite.",
                "run_tests",
                "212 run, 209 passed, 3 failed: WH-17, WH-18, PEP-4",
                suite="smoke",
                build="3.2.0-rc1",
            ),
            call("Looking at WH-17.", "read_log", "signature header missing when the payload is empty", case="WH-17"),
            call(
                "Filing the three defects.",
                "file_issue",
                "QP-2291, QP-2292, QP-2293",
                cases=["WH-17", "WH-18", "PEP-4"],
            ),
        ],
        "rc1: 209 of 212 cases pass; QP-2291, QP-2292 (webhook signature), QP-2293 (Peppol receipt) filed.",
        "retest on rc2",
        ["Three defects, none blocks the launch."],
    ),
    Task(
        "Artemis",
        18,
        "Say what three competitors charge per seat and since when.",
        "research/competitor_prices.md",
        "reading competitor pages",
        "3 competitors read",
        [
            call(
                "I look for the price pages.",
                "web_search",
                "1 facturo.example/preise 2 billwise.example/pricing 3 rechnik.example/kosten",
                q="e-invoicing price per seat Germany",
            ),
            call(
                "Facturo first.",
                "fetch_page",
                "Facturo: Start 9, Plus 24 EUR netto je Nutzer und Monat. Enterprise auf Anfrage.",
                url="https://facturo.example/preise",
            ),
            call(
                "Billwise.",
                "fetch_page",
                "Billwise: Solo 11, Team 27, Scale 52 EUR per seat, excl. VAT",
                url="https://billwise.example/pricing",
            ),
            call(
                "Rechnik.",
                "fetch_page",
                "Rechnik: ab 15 EUR brutto im Monat und Arbeitsplatz",
                url="https://rechnik.example/kosten",
            ),
            call(
                "I save the table.",
                "write_file",
                "saved, 980 bytes",
                path="research/competitor_prices.md",
                content="Read 2026-04-13. Facturo 9/24/on request net; Billwise 11/27/52 net; Rechnik from 15 gross.",
            ),
        ],
        "Read on 13 April: Facturo 9/24/on request (net), Billwise 11/27/52 (net), Rechnik from 15 (gross). "
        "Only Rechnik shows gross prices.",
        "feature comparison",
        ["Competitors sell net, except Rechnik."],
    ),
    Task(
        "Hephaestus",
        17,
        "Build the website from branch launch-3.2 and report broken links.",
        "build/report_1142.md",
        "building branch launch-3.2",
        "build 1142 green, 6 broken links",
        [
            call("Starting the build.", "start_build", '{"build":1142}', branch="launch-3.2", ref="c04b7d1"),
            call("Is it through?", "check_build_status", '{"build":1142,"state":"running","percent":48}', build=1142),
            call("Once more.", "check_build_status", '{"build":1142,"state":"passed","percent":100}', build=1142),
            call(
                "Checking the links.",
                "check_links",
                "1,318 links, 6 broken: /docs/webhooks#retry, /blog/peppol-2024, ...",
                build=1142,
            ),
            call(
                "Saving the report.",
                "write_file",
                "saved, 702 bytes",
                path="build/report_1142.md",
                content="build 1142 passed; 6 broken links",
            ),
        ],
        "Build 1142 of launch-3.2 (c04b7d1) passed in 6 min; 1,318 links checked, 6 broken, list in "
        "build/report_1142.md.",
        "fix the broken links",
        ["Preview deployments work."],
    ),
]

WAVE = Wave(
    10,
    "2026-04-13 09:00:04",
    "2026-04-13 09:01:45",
    "Take stock for the launch of Quillpost 3.2: texts, prices, contracts, partners, build.",
    2,
    "v13",
    TASKS,
    "Wave 10 closed: 8 of 8 COMPLETE. Texts 23 to change, 14 partners can be mailed, terms need 2 changes, "
    "margins hold, "
    "rc1 209/212, build 1142 green.",
    "first drafts in wave 11",
)
