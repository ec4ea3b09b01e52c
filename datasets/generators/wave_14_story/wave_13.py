"""Wave 13, 14 April, noon: the date moves. A retry storm, a swallowed error, a stale packet, two missed heartbeats."""

from __future__ import annotations

from .legal import clause_calls
from .task import Call, Task, Wave, call

DOWN = ("503", "503 Service Unavailable: preview runner pool exhausted")


def failed_deploy(say: str) -> Call:
    """A deployment that ends in 503."""
    return call(say, "deploy_preview", "", site="quillpost-web", ref="9f31c2e", error=DOWN, tag="retry_storm")


HANDED_OVER = Task(
    "Apollo",
    3,
    "Handed over by Artemis: put Hansedaten as customer proof into the launch mail.",
    "drafts/launch_mail_v3.md",
    "",
    "",
    [
        call(
            "I add the quotation of Hansedaten.",
            "save_draft",
            '{"draft":"launch_mail","version":3,"words":179}',
            path="drafts/launch_mail_v3.md",
            text="... 'We send 40,000 invoices a month with Quillpost', says Hansedaten of Bremen ...",
        )
    ],
    "Launch mail v3 carries Hansedaten as proof.",
    "",
)

TASKS = [
    Task(
        "Apollo",
        15,
        "Move every text to the new date, 28 April.",
        "drafts/date_change.md",
        "moving 18 texts to 28 April",
        "18 texts moved to 28 April",
        [
            call("Which texts carry the date?", "search_files", "18 files with '21 April'", q="21 April", path="."),
            call("I change them.", "edit_files", "18 files changed", files=18, replace=["21 April", "28 April"]),
            call(
                "None left?", "search_files", "0 files with '21 April' under site, drafts, docs", q="21 April", path="."
            ),
        ],
        "18 texts moved from 21 to 28 April; no '21 April' left under site, drafts and docs.",
        "final launch mail",
        ["The date is 28 April since packet v4."],
    ),
    Task(
        "Hermes",
        16,
        "Set up the partner webinar on the launch day and invite the 14 resellers.",
        "outreach/webinar.md",
        "setting up the webinar",
        "webinar set up, 14 invited",
        [
            call(
                "I still have the launch facts from yesterday; I open them.",
                "read_packet",
                '{"packet":"launch-facts","version":3,"facts":["All list prices exclude VAT ...","Release 3.2 '
                'goes out on 21 April 2026."]}',
                packet="launch-facts",
                version=3,
                tag="stale_packet",
                packet_version=3,
            ),
            call(
                "The webinar goes on the launch day, 21 April.",
                "schedule_webinar",
                '{"webinar":"wb-77","date":"2026-04-21","time":"10:00"}',
                title="What is new in Quillpost 3.2",
                date="2026-04-21",
                time="10:00",
                tag="stale_packet",
                packet_version=3,
            ),
            call(
                "Inviting the partners.",
                "send_mail",
                '{"queued":14}',
                list="partners",
                template="webinar_invite",
                vars={"date": "21 April 2026"},
                tag="stale_packet",
                packet_version=3,
            ),
        ],
        "Webinar wb-77 set for 21 April 2026, 10:00, the launch day; 14 resellers invited.",
        "partner offer",
        ["Launch day is 21 April (packet launch-facts v3, from my notes)."],
        packet_version=3,
    ),
    Task(
        "Athena",
        23,
        "Check the reseller agreement for the partner offer.",
        "legal/reseller_review.md",
        "reading reseller agreement v3",
        "reseller agreement allows the offer",
        clause_calls(8, quotes=True),
        "Reseller agreement v3: partners sell in their own name (2.1); Enterprise discounts only by us, in "
        "writing, not advertised (4.3).",
        "launch claims",
        ["A partner may not be offered an Enterprise discount by mail (4.3)."],
    ),
    Task(
        "Prometheus",
        13,
        "Check the margins again with the costs of the second quarter.",
        "finance/margins_q2.md",
        "computing margins",
        "margins hold",
        [
            call(
                "I look for the new cost sheet.",
                "list_files",
                "finance/costs_2026q1.csv\nfinance/margins_q2.md",
                path="finance",
            ),
            call(
                "Computing the margins with the second-quarter costs.",
                "margin_check",
                "",
                costs="finance/costs_2026q2.csv",
                prices={"team": 12, "business": 29, "enterprise": 49},
                error=("FileNotFoundError", "FileNotFoundError: finance/costs_2026q2.csv"),
                tag="swallowed_error",
            ),
            call(
                "I write the note.",
                "write_file",
                "saved, 1,402 bytes",
                path="finance/margins_q2.md",
                content="Second quarter: margins hold at every tier; floor 70 %.",
            ),
        ],
        "Margins checked with second-quarter costs: they hold at every tier, floor 70 %. Nothing to change.",
        "final pricing page",
        ["Margins hold at every tier."],
    ),
    Task(
        "Hyperion",
        22,
        "Baseline week for the launch dashboard.",
        "data/baseline.csv",
        "computing the baseline",
        "baseline of 7 days saved",
        [
            call(
                "Signups.",
                "run_sql",
                "7 rows, mean 31.4 a day",
                sql="SELECT date, count(*) FROM signups WHERE date >= '2026-04-06' GROUP BY 1",
            ),
            call(
                "Upgrades.",
                "run_sql",
                "7 rows, mean 4.1 a day",
                sql="SELECT date, count(*) FROM tier_changes WHERE date >= '2026-04-06' GROUP BY 1",
            ),
            call(
                "Deliveries, the long one.",
                "run_sql",
                "7 rows, mean 64,118 a day",
                sql="SELECT date, count(*) FROM deliveries WHERE date >= '2026-04-06' GROUP BY 1",
                seconds=690.0,
            ),
        ],
        "Baseline 6 to 12 April: 31.4 signups, 4.1 upgrades, 64,118 deliveries a day.",
        "launch day dashboard",
        ["The delivery table is slow; the query ran for 11 minutes."],
    ),
    Task(
        "Ares",
        15,
        "Regression test of the signed webhooks for the audit.",
        "qa/webhook_audit.md",
        "signing 400 payloads",
        "400 of 400 signatures verify",
        [
            call("Signing.", "run_tests", "400 run, 400 passed", suite="webhook-signature", build="3.2.0-rc3"),
            call(
                "Replays.",
                "run_tests",
                "50 run, 50 refused as they should be",
                suite="webhook-replay",
                build="3.2.0-rc3",
            ),
        ],
        "400 of 400 signatures verify, 50 of 50 replays are refused.",
        "final check of all assets",
        ["Audit can start on 21 April."],
    ),
    Task(
        "Artemis",
        14,
        "Finish the customer proof that wave 12 left open, and hand it to Apollo.",
        "research/customer_proof.md",
        "finishing customer proof",
        "Hansedaten cleared, handed to Apollo",
        [
            call(
                "I check the consent of both.",
                "crm_search",
                '[{"name":"Norrland Freight","case_study":"unsigned"},{"name":"Hansedaten","case_study":"signed '
                '2026-02-11"}]',
                object="company",
                filter="case_study IS NOT NULL",
            ),
            call(
                "Hansedaten is cleared. I save the note.",
                "write_file",
                "saved, 866 bytes",
                path="research/customer_proof.md",
                content="Use Hansedaten. Norrland Freight: unsigned, do not name.",
            ),
            call(
                "Over to Apollo.",
                "transfer_to_apollo",
                '{"accepted":true,"draft":"drafts/launch_mail_v3.md"}',
                notes="Use Hansedaten (signed 2026-02-11). Do not name Norrland Freight.",
                tag="handoff",
                handoff=HANDED_OVER,
            ),
        ],
        "Hansedaten may be named (signed 11 February), Norrland Freight may not; handed to Apollo, who put it "
        "into launch mail v3.",
        "page of a competitor",
        ["Norrland Freight is under embargo."],
    ),
    Task(
        "Hephaestus",
        21,
        "Deploy a preview with the new date.",
        "build/preview_1179.md",
        "deploying the preview",
        "preview 1179 is up after 6 attempts",
        [
            failed_deploy("Deploying."),
            failed_deploy("503, I try again."),
            failed_deploy("Again."),
            failed_deploy("And again, the pool should have room now."),
            failed_deploy("Once more."),
            call(
                "A last attempt.",
                "deploy_preview",
                '{"url":"https://pr-1179.preview.example","state":"live"}',
                site="quillpost-web",
                ref="9f31c2e",
                tag="retry_storm_end",
            ),
            call("It answers.", "fetch_page", "200 OK, 41 pages", url="https://pr-1179.preview.example"),
        ],
        "Preview of 9f31c2e is live at pr-1179.preview.example after six attempts; the runner pool was "
        "exhausted (503).",
        "final build",
        ["No back-off between the attempts."],
    ),
]

WAVE = Wave(
    13,
    "2026-04-14 12:55:03",
    "2026-04-14 12:57:00",
    "Move everything to the new date, 28 April; finish customer proof, webinar and reseller agreement.",
    4,
    "v14",
    TASKS,
    "Wave 13 closed: 8 of 8 COMPLETE. All texts carry 28 April, webinar set up, Hansedaten cleared as proof, "
    "margins hold, preview 1179 live.",
    "wave 14 at 14:20: final assets",
    publishes=4,
    unseen={"Hyperion": [2, 3]},
)
