"""The follow-up centre's board in a real browser, in front of a real serving process."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import TestDatabase
from tests.live.pages import PASSWORD, World, open_world, row_of
from tests.services.roles import Role

DEAF = "[data-deaf]"


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


def test_ada_logs_in_and_meets_her_board_and_a_wrong_password_is_told_in_words(world: World) -> None:
    page = world.browser.new_context(base_url=world.serve.url, locale="nb-NO").new_page()
    page.goto("/patients/00000000-0000-4000-8000-000000000000")
    page.wait_for_url("**/login?next=*")
    page.goto("/login")
    page.get_by_label("Brukernavn").fill("ada")
    page.get_by_label("Passord").fill("feil")
    page.get_by_role("button", name="Logg inn").click()
    expect(page.get_by_role("alert")).to_have_text("Brukernavnet eller passordet er feil.")
    page.get_by_label("Passord").fill(PASSWORD)
    page.get_by_role("button", name="Logg inn").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tavle")
    page.get_by_text("Ada Lunde").click()
    page.get_by_role("button", name="Logg ut").click()
    page.wait_for_url("**/login")
    page.goto("/")
    page.wait_for_url("**/login*")


@pytest.mark.parametrize("path", ["/", "/mine", "/patients/{eva}", "/patients/00000000-0000-4000-8000-000000000000", "/no-such-page"])
def test_every_page_says_that_it_is_not_ce_marked_and_no_emergency_service(world: World, path: str) -> None:
    page = world.context("ada").new_page()
    page.goto(path.format(eva=world.who.eva))
    if path != "/no-such-page":
        expect(page.locator("footer")).to_contain_text("Ikke CE-merket")
        expect(page.locator("footer")).to_contain_text("Ring 113 når det står om liv, eller legevakten på 116117")


def test_a_red_measurement_comes_onto_the_open_board_without_a_reload_and_is_said_aloud(world: World) -> None:
    _, tablet = world.patient("Inger Rød")
    page = world.open("ada")
    page.evaluate("window.untouched = true")
    world.measure(tablet, 84)
    row = row_of(page, "Inger Rød")
    expect(page.locator('[data-group="red"]').locator(".row", has_text="Inger Rød")).to_be_visible()
    expect(row).to_contain_text("84")
    expect(row).to_contain_text("Ingen har tatt det")
    expect(row.locator(".mark")).to_have_text("Rød")
    expect(page.locator("[data-aloud]")).to_contain_text("Rød: Inger Rød.")
    assert page.evaluate("window.untouched") is True


def test_an_event_stands_on_the_screen_within_a_tenth_of_a_second_of_its_frame(world: World) -> None:
    context = world.context("ada")
    context.add_init_script(
        """const Plain = WebSocket; window.frames_at = []; window.rows_at = {};
        window.WebSocket = class extends Plain { constructor(...a) { super(...a);
          this.addEventListener("message", ({data}) => { const f = JSON.parse(data);
            if (f.op === "event" && f.alert) window.frames_at.push([f.alert.patient, performance.now()]); }); } };
        new MutationObserver((changes) => { for (const c of changes) for (const n of c.addedNodes)
            if (n.dataset?.patient) window.rows_at[n.dataset.patient] ??= performance.now(); })
          .observe(document, {childList: true, subtree: true});"""
    )
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector('[data-pulse][data-state="live"]')
    page.wait_for_selector("[data-board][data-followed]", state="attached")
    took = []
    for number in range(12):
        patient, tablet = world.patient(f"Rask {number}")
        world.measure(tablet, 84)
        expect(row_of(page, f"Rask {number}")).to_be_visible()
        frame = page.evaluate("(p) => window.frames_at.find(([patient]) => patient === p)[1]", str(patient))
        took.append(page.evaluate("(p) => window.rows_at[p]", str(patient)) - frame)
    assert median(took[3:]) < 100, took  # the first ones meet a server that has just started


def test_of_two_nurses_who_claim_at_once_the_second_reads_who_was_first(world: World) -> None:
    _, tablet = world.patient("Odd Dobbel")
    world.measure(tablet, 84)
    late = world.context("bjorn")
    late.route_web_socket("**/api/v1/feed", lambda socket: None)  # his page has not heard of it yet
    bjørns = late.new_page()
    bjørns.goto("/")
    expect(row_of(bjørns, "Odd Dobbel")).to_be_visible()
    adas = world.open("ada")
    adas.get_by_role("button", name="Ta varselet om Odd Dobbel").click()
    expect(row_of(adas, "Odd Dobbel")).to_contain_text("Du har tatt det")
    bjørns.get_by_role("button", name="Ta varselet om Odd Dobbel").click()
    expect(bjørns.locator(".toast")).to_contain_text("Ada Lunde tok varselet nå.")
    expect(row_of(bjørns, "Odd Dobbel").locator(".owner")).to_have_text("Ada Lunde")
    expect(bjørns.get_by_role("button", name="Ta varselet om Odd Dobbel")).to_have_count(0)


def test_a_claim_is_seen_on_the_other_nurses_board(world: World) -> None:
    _, tablet = world.patient("Gerd Delt")
    world.measure(tablet, 90)
    adas, bjørns = world.open("ada"), world.open("bjorn")
    adas.get_by_role("button", name="Ta varselet om Gerd Delt").click()
    expect(row_of(bjørns, "Gerd Delt").locator(".owner")).to_have_text("Ada Lunde")


def test_an_alert_is_closed_with_an_outcome_and_a_note_and_leaves_the_board(world: World) -> None:
    patient, tablet = world.patient("Leif Lukket")
    world.measure(tablet, 84)
    page = world.open("ada")
    page.get_by_role("button", name="Lukk varselet om Leif Lukket").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Leif Lukket: ")
    expect(dialog.get_by_label("Fikk ikke tak i pasienten")).to_be_hidden()
    dialog.get_by_label("Snakket med pasienten, har det bra").check()
    dialog.get_by_label("Notat").fill("Ringte. <script>window.broken = true</script>")
    dialog.get_by_role("button", name="Lukk varselet").click()
    expect(dialog).to_be_hidden()
    expect(page.locator('[data-group="red"]').locator(".row", has_text="Leif Lukket")).to_have_count(0)
    page.goto(f"/patients/{patient}")
    expect(page.locator('[data-part="history"]')).to_contain_text("Ringte. <script>window.broken = true</script>")
    expect(page.locator('[data-part="history"]')).to_contain_text("Ada Lunde")
    assert page.evaluate("window.broken") is None


def test_a_closing_that_is_refused_says_so_in_the_dialog_and_loses_nothing_that_was_written(world: World) -> None:
    _, tablet = world.patient("Marit Samtidig")
    world.measure(tablet, 84)
    page = world.open("ada")
    page.get_by_role("button", name="Lukk varselet om Marit Samtidig").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Kjent årsak").check()
    dialog.get_by_label("Notat").fill("Skrevet før det endret seg")
    world.open("bjorn").get_by_role("button", name="Ta varselet om Marit Samtidig").click()
    expect(row_of(page, "Marit Samtidig").locator(".owner")).to_have_text("Bjørn Aasen")
    dialog.get_by_role("button", name="Lukk varselet").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Bjørn Aasen tok varselet")
    expect(dialog.get_by_label("Notat")).to_have_value("Skrevet før det endret seg")


def test_a_page_that_hears_nothing_for_two_heartbeats_says_so_in_large_letters_and_finds_back(world: World) -> None:
    page = world.open("ada")
    expect(page.locator(DEAF)).to_be_hidden()
    os.kill(world.serve.process.pid, signal.SIGSTOP)
    try:
        expect(page.locator(DEAF)).to_be_visible(timeout=6000)
        expect(page.locator(DEAF)).to_contain_text("Siden hører ikke lenger fra tjenesten")
        size = page.locator(f"{DEAF} strong").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        assert size >= 24
    finally:
        os.kill(world.serve.process.pid, signal.SIGCONT)
    expect(page.locator(DEAF)).to_be_hidden(timeout=15000)


def test_what_happened_while_the_server_was_down_stands_on_the_board_when_it_is_back(world: World) -> None:
    _, before = world.patient("Astrid Før")
    world.measure(before, 84)
    _, tablet = world.patient("Harald Imens")
    page = world.open("ada")
    page.evaluate("window.untouched = true")
    world.serve.kill()
    expect(page.locator("[data-pulse]")).not_to_have_attribute("data-state", "live")
    world.measure(tablet, 84)
    world.serve.start()
    world.serve.wait_until_ready()
    expect(page.locator("[data-pulse]")).to_have_attribute("data-state", "live", timeout=15000)
    expect(page.locator('[data-group="red"]').locator(".row", has_text="Harald Imens")).to_be_visible()
    expect(row_of(page, "Astrid Før")).to_have_count(1)
    assert page.evaluate("window.untouched") is True


def test_a_session_that_ended_is_told_and_leads_to_the_log_in(world: World) -> None:
    page = world.open("ada")
    other = page.context.new_page()
    other.goto("/")
    other.get_by_text("Ada Lunde").click()
    other.get_by_role("button", name="Logg ut").click()
    expect(page.locator(DEAF)).to_contain_text("Du er logget ut", timeout=8000)
    page.get_by_role("link", name="Logg inn igjen").click()
    page.wait_for_url("**/login*")


def test_cecilies_board_never_shows_a_patient_of_another_centre(world: World) -> None:
    patient, tablet = world.patient("Hemmelig Navn")
    page = world.open("cecilie")
    world.measure(tablet, 84)
    adas = world.open("ada")
    expect(row_of(adas, "Hemmelig Navn")).to_be_visible()
    assert "Hemmelig Navn" not in page.content()
    page.goto(f"/patients/{patient}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Her er det ingenting")


def test_greens_are_a_count_until_they_are_asked_for(world: World) -> None:
    _, tablet = world.patient("Grønn Grete")
    world.measure(tablet, 97)
    page = world.open("ada")
    expect(page.locator('[data-group="green"]')).to_contain_text("grønne pasienter")
    expect(row_of(page, "Grønn Grete")).to_have_count(0)
    page.locator("[data-greens] summary").click()
    expect(row_of(page, "Grønn Grete")).to_be_visible()
    world.measure(tablet, 84)
    expect(page.locator('[data-group="red"]').locator(".row", has_text="Grønn Grete")).to_be_visible()
    expect(row_of(page, "Grønn Grete")).to_have_count(1)


def test_the_board_is_worked_with_the_keyboard_alone(world: World) -> None:
    _, tablet = world.patient("Tast Atur")
    world.measure(tablet, 84)
    page = world.open("ada")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    claim = page.get_by_role("button", name="Ta varselet om Tast Atur")
    _tab_to(page, claim)
    assert claim.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(row_of(page, "Tast Atur")).to_contain_text("Du har tatt det")
    close = page.get_by_role("button", name="Lukk varselet om Tast Atur")
    _tab_to(page, close)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(close).to_be_focused()


def _tab_to(page: Page, target: object) -> None:
    for _ in range(200):
        if target.evaluate("e => e === document.activeElement"):  # type: ignore[attr-defined]
            return
        page.keyboard.press("Tab")
    raise AssertionError("not reached with the keyboard")


def test_ages_grow_while_the_page_stands_open(world: World) -> None:
    _, tablet = world.patient("Alder Dom")
    world.measure(tablet, 84, ago=timedelta(minutes=3))
    context = world.context("ada")
    page = context.new_page()
    page.clock.install()
    page.goto("/")
    expect(row_of(page, "Alder Dom").locator(".when time").first).to_have_text("3 min siden")
    page.clock.fast_forward(5 * 60 * 1000)
    expect(row_of(page, "Alder Dom").locator(".when time").first).to_have_text("8 min siden")
    assert row_of(page, "Alder Dom").locator(".when time").first.get_attribute("datetime")


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_nothing_sticks_out_from_a_phone_to_a_wall_screen(world: World, width: int) -> None:
    page = world.open("ada", viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_board_is_there_within_a_second(world: World) -> None:
    context = world.context("ada")
    page = context.new_page()
    began = time.monotonic()
    page.goto("/", wait_until="commit")
    page.wait_for_selector("h1")
    assert time.monotonic() - began < 1
