"""Log-in, log-out, sessions and service tokens, and requests that other sites' pages would like to send."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from dashboards.sessions import ATTEMPTS
from dho import clock
from tests.cast import Cast, cast
from tests.conftest import TestDatabase
from tests.serving import Served, serving, someone

PASSWORD = "et langt og godt passord"


@pytest.fixture(scope="module")
def served(database: TestDatabase) -> Iterator[Served]:
    with serving(database.url, session_idle_minutes=60, session_hours=12) as running:
        yield running


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture(scope="module")
def user(served: Served, who: Cast) -> str:
    return served.password(who.ada, PASSWORD)


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    with served.client(Origin=served.url) as client:
        yield client


def log_in(browser: httpx.Client, user: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/api/v1/session", json={"user": user, "password": password})


def shift(served: Served, what: str, by: str) -> None:
    """Move the newest session's times instead of waiting."""
    with served.write() as tx:
        tx.execute(f"UPDATE session SET {what} = {what} - interval '{by}' WHERE created_at = (SELECT max(created_at) FROM session)")


def test_ada_logs_in_is_known_and_logs_out(browser: httpx.Client, user: str, who: Cast) -> None:
    answer = log_in(browser, user)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 200
    assert all(part in cookie for part in ("dho_session=", "httponly", "samesite=strict", "path=/"))
    assert "secure" not in cookie
    told = browser.get("/api/v1/session").json()
    assert (told["person"], told["roles"][0]["role"]) == (str(who.ada), "follow_up_nurse")
    kept = browser.cookies["dho_session"]
    assert browser.delete("/api/v1/session").status_code == 204
    browser.cookies.set("dho_session", kept)
    assert browser.get("/api/v1/session").status_code == 401


def test_the_cookie_is_secure_where_browsers_come_over_https(database: TestDatabase, user: str) -> None:
    with serving(database.url, public_url="https://dho.example") as https, https.client(Origin="https://dho.example") as browser:
        answer = log_in(browser, user)
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]
        elsewhere = https.client(Origin=https.url)
        assert log_in(elsewhere, user).status_code == 403


@pytest.mark.parametrize(("name", "password"), [("ada", "feil"), ("nobody", PASSWORD), ("", PASSWORD), ("ada", "")])
def test_a_wrong_name_and_a_wrong_password_look_the_same(browser: httpx.Client, user: str, name: str, password: str) -> None:
    answer = log_in(browser, user if name == "ada" else name, password)
    assert answer.status_code == (401 if name and password else 422)
    assert "set-cookie" not in answer.headers
    if answer.status_code == 401:
        assert answer.json()["detail"] == "The user name or the password is wrong."


def test_somebody_without_a_password_cannot_log_in(browser: httpx.Client, served: Served) -> None:
    someone(served, "Passordløs")
    (row,) = served.rows("SELECT user_name FROM person WHERE name = 'Passordløs'")
    assert log_in(browser, row.user_name, "").status_code == 422
    assert log_in(browser, row.user_name, "x").status_code == 401


def test_ten_failures_are_enough_also_all_at_once(served: Served) -> None:
    guessed = served.password(someone(served, "Gjettet"), PASSWORD)
    answers: list[httpx.Response] = []

    def guess() -> None:
        with served.client() as client:
            answers.append(log_in(client, guessed, "feil"))

    guesses = [threading.Thread(target=guess) for _ in range(ATTEMPTS + 6)]
    for thread in guesses:
        thread.start()
    for thread in guesses:
        thread.join()
    assert {answer.status_code for answer in answers} == {401, 429}
    with served.client() as client:
        refused = log_in(client, guessed, PASSWORD)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too_many_attempts")
        assert 0 < int(refused.headers["retry-after"]) <= 900
        with served.write() as tx:
            tx.execute("UPDATE login_failure SET at = at - interval '16 minutes'")
        assert log_in(client, guessed, PASSWORD).status_code == 200


def test_a_failure_before_the_right_password_is_forgiven(served: Served, browser: httpx.Client, user: str) -> None:
    for _ in range(ATTEMPTS + 2):
        assert log_in(browser, user, "feil").status_code == 401
        assert log_in(browser, user).status_code == 200


def test_no_password_and_no_user_name_is_kept_as_it_was_typed(served: Served, browser: httpx.Client) -> None:
    log_in(browser, "hemmelig-i-feil-felt", "x")
    kept = [row.user_name for row in served.rows("SELECT user_name FROM login_failure")]
    assert kept
    assert not any("hemmelig" in name for name in kept)


def test_a_session_that_lay_idle_has_ended(served: Served, browser: httpx.Client, user: str) -> None:
    log_in(browser, user)
    shift(served, "seen_at", "59 minutes")
    assert browser.get("/api/v1/session").status_code == 200
    shift(served, "seen_at", "61 minutes")
    assert browser.get("/api/v1/session").status_code == 401


def test_a_session_ends_after_twelve_hours_in_any_case(served: Served, browser: httpx.Client, user: str) -> None:
    log_in(browser, user)
    shift(served, "expires_at", "12 hours")
    assert browser.get("/api/v1/session").status_code == 401


def test_a_new_log_in_makes_a_new_session_and_ends_the_one_that_was_shown(browser: httpx.Client, user: str) -> None:
    log_in(browser, user)
    first = browser.cookies["dho_session"]
    log_in(browser, user)
    assert browser.cookies["dho_session"] != first
    browser.cookies.set("dho_session", first)
    assert browser.get("/api/v1/session").status_code == 401


def test_a_cookie_planted_before_the_log_in_never_becomes_a_session(browser: httpx.Client, user: str) -> None:
    browser.cookies.set("dho_session", "planted", path="/", domain="127.0.0.1")
    log_in(browser, user)
    with httpx.Client(base_url=str(browser.base_url), cookies={"dho_session": "planted"}) as thief:
        assert thief.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"])
def test_what_another_sites_page_sends_with_the_cookie_is_refused(
    served: Served, browser: httpx.Client, user: str, who: Cast, origin: str | None
) -> None:
    log_in(browser, user)
    headers = {"Origin": origin} if origin else {}
    with httpx.Client(base_url=served.url, cookies=dict(browser.cookies), headers=headers) as page:
        answer = page.post(f"/api/v1/patients/{who.eva}/messages", json={"text": "x"})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/origin_mismatch")
        assert page.get("/api/v1/session").status_code == 200
    assert browser.post(f"/api/v1/patients/{who.eva}/messages", json={"text": "x"}).status_code == 201


def test_a_service_token_needs_no_origin_and_ends_at_once(served: Served, who: Cast) -> None:
    expiring = served.token(who.bjorn, clock.now() + timedelta(hours=1))
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {expiring}"}) as client:
        assert client.post(f"/api/v1/patients/{who.eva}/messages", json={"text": "x"}).status_code == 201
        with served.write() as tx:
            tx.execute("UPDATE api_token SET expires_at = %s WHERE expires_at IS NOT NULL", (tx.now,))
        refused = client.get("/api/v1/session")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("shown", ["Bearer", "Bearer wrong", "Basic YTpi", "Token x", "Bearer \xe5"])
def test_a_bad_credential_is_nobody_also_beside_a_good_cookie(served: Served, browser: httpx.Client, user: str, shown: str) -> None:
    log_in(browser, user)
    assert browser.get("/api/v1/session", headers=[(b"authorization", shown.encode("latin-1"))]).status_code == 401  # type: ignore[arg-type]


def test_neither_cookie_nor_token_is_kept_as_it_is(served: Served, browser: httpx.Client, user: str, who: Cast) -> None:
    log_in(browser, user)
    secrets = (browser.cookies["dho_session"], served.token(who.ada))
    kept = [bytes(row.token_hash) for row in served.rows("SELECT token_hash FROM session UNION ALL SELECT token_hash FROM api_token")]
    assert all(len(digest) == 32 for digest in kept)
    assert not any(secret.encode() in digest for secret in secrets for digest in kept)


def test_openid_connect_says_that_it_is_not_configured(browser: httpx.Client) -> None:
    for path in ("/api/v1/session/login", "/api/v1/session/callback"):
        answer = browser.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/oidc_not_configured")


def test_local_log_in_can_be_switched_off(database: TestDatabase, user: str) -> None:
    with serving(database.url, local_login=False) as strict, strict.client() as client:
        assert (log_in(client, user).status_code, log_in(client, user).json()["type"]) == (403, "/problems/local_login_off")
