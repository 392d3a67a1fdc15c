"""One patient's page, and every page for those who see badly or use no mouse."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.cast import plan
from tests.conftest import TestDatabase
from tests.live.pages import World, open_world
from tests.services.roles import Role

DOCUMENT = plan(
    schedule=[{"id": "spo2-morning", "code": "59408-5", "times": ["08:00"], "days": "daily", "window": "PT3H", "required": True}],
    contacts=[{"who": "Oppfølgingssenteret", "phone": "55 50 00 10", "when": "hverdager 08–15.30"}],
    out_of_hours="Ring legevakten på 116117.",
)


@pytest.fixture(scope="module")
def world(database: TestDatabase, dho_process: Callable[..., Role], chromium: str) -> Iterator[World]:
    with open_world(database.url, dho_process("serve"), chromium) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_is_refused_by_the_browser(world: World) -> Iterator[None]:
    """No script error, no resource or inline style that the content security policy refuses; and no page is left to listen."""
    world.complaints.clear()
    yield
    world.close_pages()
    assert [c for c in world.complaints if "Content Security Policy" in c or "Error" in c.split(":")[0]] == []


@pytest.fixture
def eva(world: World) -> tuple[UUID, str]:
    """A patient with a week of values, the last one red."""
    patient, tablet = world.patient("Eva Hagen", DOCUMENT)
    for days in range(6, 0, -1):
        world.measure(tablet, 95, ago=timedelta(days=days))
    world.measure(tablet, 84, ago=timedelta(minutes=2), note="etter trapp <b>fort</b>")
    return patient, tablet


def test_the_page_says_how_the_patient_is_why_and_why_the_reader_may_see_it(world: World, eva: tuple[UUID, str]) -> None:
    page = world.open("ada", f"/patients/{eva[0]}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Eva Hagen")
    expect(page.locator(".standing")).to_contain_text("Rød")
    expect(page.locator(".standing time").first).to_have_text("2 min siden")
    expect(page.locator(".because-you")).to_contain_text("Du ser dette fordi")
    alert = page.locator("article.alert")
    expect(alert).to_contain_text("84 %")
    expect(alert).to_contain_text("88 %")
    expect(alert).to_contain_text("Ring oppfølgingssenteret nå.")
    expect(alert.locator(".reasons li")).to_have_count(2)


def test_values_stand_in_a_chart_and_the_same_values_in_a_table(world: World, eva: tuple[UUID, str]) -> None:
    page = world.open("ada", f"/patients/{eva[0]}?days=7")
    figure = page.locator("figure", has_text="ksygenmetning")
    expect(figure.locator("canvas")).to_be_visible()
    expect(figure).to_contain_text("Rød under 88 % · Gul under 92 %")
    assert len(page.evaluate("JSON.parse(document.querySelector('figure').dataset.series).values")) == 7
    figure.get_by_text("Vis som tabell").click()
    rows = figure.locator("tbody tr")
    expect(rows).to_have_count(7)
    expect(rows.first).to_contain_text("84 %")
    expect(rows.first).to_contain_text("Rød")
    expect(rows.first).to_contain_text("etter trapp <b>fort</b>")
    expect(page.get_by_role("link", name="7 dager")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="1 år").click()
    expect(page.get_by_role("link", name="1 år")).to_have_attribute("aria-current", "true")


def test_the_chart_tells_what_the_pointer_is_at(world: World, eva: tuple[UUID, str]) -> None:
    page = world.open("ada", f"/patients/{eva[0]}?days=7")
    over = page.locator("figure .u-over").first
    over.hover(position={"x": 30, "y": 40})
    expect(page.locator("[data-reading]").first).to_contain_text("95 %")


def test_an_invalid_reading_is_struck_through_and_says_why(world: World) -> None:
    patient, tablet = world.patient("Kald Finger")
    wrong = uuid4()
    world.measure(tablet, 70, id=wrong)
    page = world.open("ada", f"/patients/{patient}")
    answer = page.request.post(
        f"/api/v1/measurements/{wrong}/invalid", data={"reason": "Kalde fingre"}, headers={"Origin": world.serve.url, "If-Match": '"1"'}
    )
    assert answer.ok, answer.text()
    page.reload()
    page.get_by_text("Vis som tabell").click()
    expect(page.locator("tbody del")).to_have_text("70 %")
    expect(page.locator("tbody")).to_contain_text("Ugyldig: Kalde fingre.")


def test_a_new_value_comes_onto_the_open_page_and_what_is_being_written_stays(world: World) -> None:
    patient, tablet = world.patient("Arne Åpen")
    world.measure(tablet, 95, ago=timedelta(minutes=9))
    page = world.open("ada", f"/patients/{patient}")
    expect(page.locator('[data-part="alerts"]')).to_contain_text("Ingen åpne varsler.")
    page.get_by_label("Skriv til pasienten").fill("Hei, hvordan")
    page.get_by_text("Vis som tabell").click()
    world.measure(tablet, 84)
    expect(page.locator("article.alert")).to_contain_text("84 %")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("canvas")).to_have_count(1)
    expect(page.get_by_label("Skriv til pasienten")).to_have_value("Hei, hvordan")


def test_an_alert_is_claimed_started_snoozed_and_each_step_is_seen(world: World) -> None:
    patient, tablet = world.patient("Berit Steg")
    world.measure(tablet, 84)
    page = world.open("ada", f"/patients/{patient}")
    alert = page.locator("article.alert")
    alert.get_by_role("button", name="Ta", exact=True).click()
    expect(alert).to_contain_text("Du har tatt det")
    alert.get_by_role("button", name="Start").click()
    expect(alert).to_contain_text("I arbeid")
    alert.get_by_role("button", name="Utsett").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("48 t")).to_be_hidden()
    dialog.get_by_label("1 t", exact=True).check()
    dialog.get_by_label("Hvorfor?").fill("Måler igjen etter frokost")
    dialog.get_by_role("button", name="Utsett").click()
    expect(dialog).to_be_hidden()
    expect(alert).to_contain_text("Utsatt til")


def test_a_message_is_sent_and_stands_on_the_page_as_it_was_written(world: World) -> None:
    patient, _ = world.patient("Sverre Brev")
    page = world.open("ada", f"/patients/{patient}")
    page.get_by_label("Skriv til pasienten").fill("Mål igjen kl. 12. <img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".messages")).to_contain_text("Mål igjen kl. 12. <img src=x onerror=alert(1)>")
    expect(page.get_by_label("Skriv til pasienten")).to_have_value("")


def test_a_patient_who_is_green_again_while_a_red_alert_is_open_is_not_shown_as_plain_green(world: World) -> None:
    patient, tablet = world.patient("Unni Igjen")
    world.measure(tablet, 84, ago=timedelta(minutes=9))
    world.measure(tablet, 97)
    page = world.open("ada", f"/patients/{patient}")
    expect(page.locator(".standing")).to_contain_text("Grønn")
    expect(page.locator(".standing")).to_contain_text("Rødt varsel er fortsatt åpent")


def test_dag_sees_the_patient_of_his_team_with_the_reason_and_without_buttons_to_act(world: World) -> None:
    page = world.open("dag")
    expect(page).to_have_url(f"{world.serve.url}/mine")
    page.locator(".row .name").first.click()
    page.wait_for_selector("[data-patient-page]")
    expect(page.locator(".because-you")).to_contain_text("Du ser dette fordi")
    expect(page.locator("[data-verb]")).to_have_count(0)


def test_the_plan_stands_in_words(world: World, eva: tuple[UUID, str]) -> None:
    page = world.open("ada", f"/patients/{eva[0]}")
    written = page.locator(".plan")
    for words in (
        "under 88 %",
        "38,0 °C eller høyere",
        "Varsler straks",
        "hver dag kl. 08:00",
        "55 50 00 10",
        "Ring legevakten på 116117.",
    ):
        expect(written).to_contain_text(words)


@pytest.mark.parametrize(
    ("language", "word", "number"), [("nb", "Målinger", "38,0 °C"), ("nn", "Målingar", "38,0 °C"), ("en", "Measurements", "38.0 °C")]
)
def test_the_reader_chooses_the_language(world: World, eva: tuple[UUID, str], language: str, word: str, number: str) -> None:
    page = world.open("ada", f"/patients/{eva[0]}")
    page.goto(f"/show?language={language}&next=/patients/{eva[0]}")
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("#values-title")).to_have_text(word)
    expect(page.locator(".plan")).to_contain_text(number)
    assert "%(" not in page.content()


@pytest.mark.parametrize(
    ("look", "width"),
    [("language=nb&theme=light", 1280), ("language=nn&theme=dark", 390), ("language=en&theme=contrast", 1280)],
)
@pytest.mark.parametrize("path", ["/login", "/", "/mine", "/patients/{eva}", "/patients/00000000-0000-4000-8000-000000000000"])
def test_axe_finds_nothing_to_complain_about(world: World, eva: tuple[UUID, str], path: str, look: str, width: int) -> None:
    context = world.context("ada", viewport={"width": width, "height": 900}, reduced_motion="reduce")
    if path == "/login":
        context.clear_cookies()
    page = context.new_page()
    page.goto(f"/show?{look}&next={path.format(eva=eva[0])}")
    for details in page.locator("main details").all():
        details.evaluate("e => { e.open = true }")
    page.wait_for_load_state("networkidle")
    _nothing_wrong(page)
    if path == "/":
        page.locator('[data-verb="close"]').first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        _nothing_wrong(page)


def _nothing_wrong(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_and_twice_the_letter_size_can_be_read(world: World, eva: tuple[UUID, str], width: int) -> None:
    page = world.open("ada", f"/patients/{eva[0]}", viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
