"""Who works at Brackenfield: the agents, their prompts, and the packets of facts they are sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Agent:
    """One long-lived agent of the fleet."""

    name: str
    role: str
    provider: str
    model: str
    response_model: str
    prompt: str
    logs: str = "otlp"  # or "records": the home-grown JSON lines


SONNET = ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929")
HAIKU = ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001")
GPT41 = ("openai", "gpt-4.1", "gpt-4.1-2025-04-14")
GPT4O_MINI = ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18")
GPT5_MINI = ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07")

HOUSE = (
    "You work for Brackenfield Software (11 people, Bremen), maker of Quillpost, an e-invoicing service. "
    "Every wave is a new session: you know only your brief and what you read. Report to Atlas when you are done."
)

ATLAS = Agent(
    "Atlas",
    "orchestrator",
    *SONNET,
    HOUSE.replace("Report to Atlas when you are done. ", "")
    + " You are Atlas, the orchestrator. Split the goal of the wave into one brief an agent and send each with "
    "dispatch_brief. A brief carries the task, the deliverable and, as `context`, the facts of the current packet "
    "that the agent needs. When all have reported, close the wave with a summary.",
)

AGENTS = [
    Agent("Apollo", "writing", *SONNET, HOUSE + " You are Apollo and write: mails, pages, release notes. Plain words."),
    Agent("Hermes", "outreach", *HAIKU, HOUSE + " You are Hermes and look after partners, the CRM and mailings."),
    Agent(
        "Athena",
        "legal",
        *SONNET,
        HOUSE + " You are Athena and check texts against contracts and law. Name the clause you rely on.",
    ),
    Agent("Prometheus", "pricing", *GPT41, HOUSE + " You are Prometheus and keep prices, tiers and margins right."),
    Agent(
        "Hyperion", "data", *GPT4O_MINI, HOUSE + " You are Hyperion and answer questions from the warehouse.", "records"
    ),
    Agent("Ares", "QA", *HAIKU, HOUSE + " You are Ares and test: the product, links, spelling.", "records"),
    Agent("Artemis", "research", *GPT4O_MINI, HOUSE + " You are Artemis and find out: competitors, rules, markets."),
    Agent("Hephaestus", "build", *GPT5_MINI, HOUSE + " You are Hephaestus and build, deploy and fix the website."),
]

FACTS = {
    2: [
        "All list prices exclude VAT; write 'plus VAT' next to every amount.",
        "Team EUR 12, Business EUR 29, Enterprise EUR 49 per seat and month.",
        "Enterprise is frozen until 1 May 2026: no new price, no discount, no promise.",
        "Release 3.2 goes out on 21 April 2026.",
    ],
    3: [
        "All list prices exclude VAT; write 'plus VAT' next to every amount.",
        "Team EUR 12, Business EUR 29, Enterprise EUR 49 per seat and month.",
        "Enterprise is frozen until 1 May 2026: no new price, no discount, no promise.",
        "Release 3.2 goes out on 21 April 2026.",
        "Norrland Freight may not be named in public before its case study is signed.",
    ],
    4: [
        "All list prices exclude VAT; write 'plus VAT' next to every amount.",
        "Team EUR 12, Business EUR 29, Enterprise EUR 49 per seat and month.",
        "Enterprise is frozen until 1 May 2026: no new price, no discount, no promise.",
        "Release 3.2 goes out on 28 April 2026 (moved from 21 April, webhook audit).",
        "Norrland Freight may not be named in public before its case study is signed.",
    ],
}

CLAUSES = [
    (
        "terms 3.1",
        "Fees are stated net. Statutory value added tax is added on the invoice at the rate in force on the "
        "day of supply; a price shown to a consumer in the European Union is shown gross.",
    ),
    (
        "terms 3.4",
        "The provider may change list prices with eight weeks' notice in text form. A change does not touch "
        "a term already running, nor a renewal that the customer confirmed before the notice.",
    ),
    (
        "terms 5.2",
        "The provider owes an availability of 99.5 per cent in the calendar month, measured at the hand-over "
        "point of its data centre, planned maintenance left out.",
    ),
    (
        "terms 7.1",
        "Liability for slight negligence is limited to the foreseeable damage typical of the contract and, "
        "for each year of the term, to the fees paid in that year.",
    ),
    (
        "dpa 2.3",
        "Personal data is stored and processed only in the data centres named in annex 1 (Frankfurt am Main); "
        "a move outside the European Economic Area needs the controller's prior consent in text form.",
    ),
    (
        "dpa 4.2",
        "The processor names every sub-processor in annex 2 and announces a change thirty days ahead; the "
        "controller may object for good cause within fourteen days.",
    ),
    (
        "dpa 6.1",
        "The processor reports a personal data breach without undue delay and no later than 36 hours after "
        "becoming aware of it, with the content of Article 33(3) GDPR as far as known.",
    ),
    (
        "dpa 8.2",
        "On termination the processor returns the data in a common machine-readable format and deletes it "
        "within thirty days, save where the law obliges it to keep it.",
    ),
    (
        "reseller 2.1",
        "The reseller sells in its own name and for its own account. It may use the marks of the provider "
        "in the form given in annex B and not as part of its company name.",
    ),
    (
        "reseller 4.3",
        "Discounts on the Enterprise tier are granted by the provider alone, in writing, for the single "
        "order; a reseller may not advertise them.",
    ),
    (
        "reseller 6.2",
        "Leads registered in the partner portal are protected for ninety days; protection ends when no "
        "contact has been logged for thirty days.",
    ),
    (
        "marketing 1.2",
        "A customer is named in advertising only with its prior consent in text form, which covers the "
        "wording, the medium and the period, and which may be withdrawn for the future.",
    ),
    (
        "marketing 2.4",
        "Statements about competitors must be verifiable, typical and current; prices of others are "
        "quoted with the date on which they were read.",
    ),
    (
        "privacy 3.2",
        "Recipients of the newsletter have confirmed their address (double opt-in); opens are counted only "
        "with a separate consent, and every mail carries a working unsubscribe link.",
    ),
]

# Prompt v14 pastes the clause library into Athena's prompt and asks for quotations: longer calls, slower answers.
ATHENA_V14 = (
    " Before every step quote in full each clause you rely on. The library you must work from:\n"
    + "\n".join(f"[{name}] {text}" for name, text in CLAUSES)
    + "\nFor each clause state: does it apply, what follows, what would change the answer. Keep this order."
)


def system_prompt(agent: Agent, prompt_version: str) -> str:
    """The system prompt of the agent in that version."""
    if agent.name == "Athena" and prompt_version == "v14":
        return agent.prompt + ATHENA_V14
    return agent.prompt


def agent_version(prompt_version: str) -> str:
    """The release of the fleet that carries this prompt version."""
    return {"v13": "2026.04.1", "v14": "2026.04.2"}[prompt_version]
