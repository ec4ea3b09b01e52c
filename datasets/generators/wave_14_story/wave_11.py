"""Wave 11, 13 April, noon: first drafts. Hermes is blocked by an expired token; Artemis goes round in a loop."""

from __future__ import annotations

from .legal import clause_calls
from .task import Task, Wave, call

EXPIRED = ("401", "401 Unauthorized: private app token expired on 2026-04-13T11:00:00Z")
SEARCH = {"q": "Facturo Enterprise price per seat 2026", "country": "de"}
NOTHING = '{"results":[],"hint":"no result for this query"}'


def loop_call(say: str) -> object:
    """One more of the same search."""
    return call(say, "web_search", NOTHING, tag="tool_loop", **SEARCH)


TASKS = [
    Task(
        "Apollo",
        16,
        "Draft the 3.2 launch mail, English, 180 words at most.",
        "drafts/launch_mail_v1.md",
        "drafting the launch mail",
        "launch mail v1, 172 words",
        [
            call(
                "I read the outline.",
                "read_file",
                "1 signed webhooks 2 Peppol receiving 3 Frankfurt hosting",
                path="drafts/text_inventory.md",
            ),
            call(
                "And the release notes.",
                "read_file",
                "3.2: webhooks carry an Ed25519 signature; invoices can be received over Peppol.",
                path="docs/release_3_2.md",
            ),
            call(
                "Saving the first draft.",
                "save_draft",
                '{"draft":"launch_mail","version":1,"words":172}',
                path="drafts/launch_mail_v1.md",
                text="Subject: Quillpost 3.2 signs its webhooks\nHello,\non 21 April Quillpost 3.2 goes out. "
                "Team stays at EUR 12 per seat, plus VAT ...",
            ),
        ],
        "Launch mail v1, 172 words: date 21 April, prices plus VAT, no customer named.",
        "second draft after legal",
        ["Norrland Freight may not be named, the packet says so."],
    ),
    Task(
        "Hermes",
        13,
        "Tag the 14 resellers in the CRM for the launch mailing and draft the partner note.",
        "outreach/partner_note_v1.md",
        "tagging 14 resellers",
        "tags written",
        [
            call(
                "I read the partner list.",
                "read_file",
                "14 rows: Nordkontor, Hansedaten, Mittelpunkt IT, ...",
                path="outreach/partners_2026-04.csv",
            ),
            call(
                "Writing the tags.",
                "crm_update",
                "",
                object="company",
                ids=14,
                set={"tag": "launch-3.2"},
                error=EXPIRED,
                tag="blocked",
            ),
            call(
                "The token may just be stale, one more try after a refresh.",
                "crm_update",
                "",
                object="company",
                ids=14,
                set={"tag": "launch-3.2"},
                error=EXPIRED,
                tag="blocked",
                board=("BLOCKED", "waiting for Ines: HubSpot token expired"),
            ),
            call(
                "I ask for a new token.",
                "send_message",
                '{"sent":true,"to":"ines@brackenfield.example"}',
                to="ines@brackenfield.example",
                text="The HubSpot private app token expired at 11:00 UTC today. Please rotate it; the partner "
                "mailing waits for it.",
            ),
        ],
        "BLOCKED: the HubSpot token expired at 11:00 UTC, both attempts to tag the 14 resellers got 401. Asked "
        "Ines for a new token at once.",
        "tag the resellers when the token is there",
        [
            "The CRM refuses the token; nothing on our side can fix it.",
            "Kept packet launch-facts v3 in my notes to be able to go on at once.",
        ],
        status="BLOCKED",
        blockers="HubSpot private app token expired 2026-04-13 11:00 UTC; waiting for Ines to rotate it",
    ),
    Task(
        "Athena",
        22,
        "Check the data processing agreement for the move of all EU data to Frankfurt.",
        "legal/dpa_review.md",
        "reading dpa v2",
        "dpa fine, annex 2 to extend",
        clause_calls(4),
        "DPA v2 covers Frankfurt (2.3). Annex 2 must name the Peppol access point as sub-processor, announced "
        "30 days ahead (4.2).",
        "privacy notice",
        ["Announcing the sub-processor on 14 April is late for 21 April; asked Atlas."],
    ),
    Task(
        "Prometheus",
        12,
        "Make the tier comparison table for the pricing page.",
        "site/tiers.json",
        "comparing tiers",
        "tier table saved",
        [
            call(
                "I read the present table.",
                "read_file",
                '{"team":["5 users"],"business":["25 users","Peppol"],"enterprise":["SSO","Peppol","audit log"]}',
                path="site/tiers.json",
            ),
            call(
                "Signed webhooks belong to all tiers; I check the decision.",
                "read_file",
                "2026-04-07: signed webhooks in all tiers. Enterprise not to be touched before 1 May (renewals).",
                path="notes/decisions.md",
            ),
            call(
                "Saving.",
                "write_file",
                "saved, 1,090 bytes",
                path="site/tiers.json",
                content='{"team":["5 users","signed webhooks"],...}',
            ),
        ],
        "Tier table updated: signed webhooks in all tiers, prices untouched, 'plus VAT' on each amount.",
        "margin check with new cost sheet",
        ["Enterprise is frozen because 63 renewals run until 30 April."],
    ),
    Task(
        "Hyperion",
        11,
        "How many accounts use webhooks, and how many deliveries fail?",
        "data/webhook_usage.csv",
        "querying deliveries",
        "388 accounts use webhooks",
        [
            call(
                "Accounts with a hook.",
                "run_sql",
                "388",
                sql="SELECT count(DISTINCT account_id) FROM webhooks WHERE enabled",
            ),
            call(
                "Failures in the last 30 days.",
                "run_sql",
                "delivered 1,904,221; failed 8,377 (0.44 %)",
                sql="SELECT status, count(*) FROM deliveries WHERE at > now() - INTERVAL 30 DAY GROUP BY 1",
                retry_count=1,
            ),
            call(
                "By cause.",
                "run_sql",
                "timeout 6,102; 4xx 1,740; tls 535",
                sql="SELECT cause, count(*) FROM deliveries WHERE status = 'failed' GROUP BY 1",
            ),
        ],
        "388 of 1,206 accounts use webhooks; 0.44 % of 1.9 million deliveries failed in 30 days, three quarters "
        "by time-out.",
        "launch dashboard",
        ["One query timed out once and went through at the second attempt."],
    ),
    Task(
        "Ares",
        15,
        "Retest the webhook defects on rc2.",
        "qa/rc2_report.md",
        "retesting WH-17, WH-18",
        "WH-17 and WH-18 closed",
        [
            call("Running the webhook suite.", "run_tests", "38 run, 38 passed", suite="webhooks", build="3.2.0-rc2"),
            call(
                "Running Peppol.", "run_tests", "21 run, 20 passed, 1 failed: PEP-4", suite="peppol", build="3.2.0-rc2"
            ),
            call(
                "Closing two issues.",
                "update_issue",
                "QP-2291 closed, QP-2292 closed",
                ids=["QP-2291", "QP-2292"],
                state="closed",
            ),
        ],
        "rc2: webhook suite 38/38, Peppol 20/21; QP-2291 and QP-2292 closed, QP-2293 open.",
        "retest PEP-4",
        ["rc2 is fit for the launch apart from PEP-4."],
    ),
    Task(
        "Artemis",
        20,
        "Find the Enterprise price of Facturo and compare features.",
        "research/feature_comparison.md",
        "searching Facturo's Enterprise price",
        "features compared, price not public",
        [
            loop_call("Facturo shows no Enterprise price; I search for it."),
            loop_call("No result. I search again."),
            loop_call("Nothing yet. I try the search again."),
            loop_call("Perhaps the index was busy. Again."),
            loop_call("Still nothing, one more time."),
            loop_call("Once more, to be sure."),
            call(
                "The feature page will do.",
                "fetch_page",
                "Facturo Enterprise: SSO, Peppol, dedicated contact. Price on request.",
                url="https://facturo.example/enterprise",
            ),
            call(
                "Saving the comparison.",
                "write_file",
                "saved, 2,240 bytes",
                path="research/feature_comparison.md",
                content="| feature | Quillpost | Facturo | Billwise |\n|---|---|---|---|\n| Peppol receiving | "
                "3.2 | yes | no |",
            ),
        ],
        "Compared 12 features with Facturo and Billwise; signed webhooks are ours alone. Facturo's Enterprise "
        "price is not public.",
        "customer proof",
        ["The search returned nothing; the price is on request only."],
    ),
    Task(
        "Hephaestus",
        14,
        "Fix the six broken links and build again.",
        "build/report_1151.md",
        "fixing links",
        "build 1151 green, 0 broken",
        [
            call(
                "Reading the list.",
                "read_file",
                "build 1142 passed; 6 broken links: /docs/webhooks#retry, ...",
                path="build/report_1142.md",
            ),
            call("Fixing them.", "edit_files", "6 files changed", files=6, branch="launch-3.2"),
            call("Building.", "start_build", '{"build":1151}', branch="launch-3.2", ref="5aa90e4"),
            call("Checking.", "check_build_status", '{"build":1151,"state":"passed","percent":100}', build=1151),
        ],
        "Six links fixed, build 1151 (5aa90e4) passed, 0 broken links.",
        "preview deployment",
        ["Branch launch-3.2 is green."],
    ),
]

WAVE = Wave(
    11,
    "2026-04-13 13:10:02",
    "2026-04-13 13:12:00",
    "First drafts: launch mail, partner note, tier table, data processing agreement.",
    3,
    "v13",
    TASKS,
    "Wave 11 closed PARTIAL: 7 of 8 COMPLETE, Hermes BLOCKED (HubSpot token expired, Ines asked). Launch mail "
    "v1, tier table and DPA review are there.",
    "second drafts in wave 12; Hermes goes on when the token is rotated",
    publishes=3,
    status="PARTIAL",
)
