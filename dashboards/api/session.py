"""Log-in and log-out."""

from fastapi import APIRouter, Request, Response

from dashboards.api.shapes import LoggedIn, LogIn
from dashboards.house import house_of
from dashboards.openapi import answers
from dashboards.problems import Problem
from dashboards.replies import nothing, reply
from dashboards.sessions import COOKIE, Viewer, current_viewer, is_https, log_in, log_out, require_our_origin
from dho import clock

router = APIRouter(prefix="/api/v1/session", tags=["session"])


def said(viewer: Viewer) -> dict[str, object]:
    """Who is logged in, as the client is told."""
    roles = [
        {"role": post.role, "centre": post.centre, "organisation": post.organisation, "place": post.place} for post in viewer.memberships
    ]
    return {"person": viewer.person, "name": viewer.name, "language": viewer.language, "roles": roles, "expires_at": viewer.expires_at}


@router.post("", response_model=None, responses=answers(LoggedIn, 400, 429, description="Logged in; the cookie is set."))
def create_session(request: Request, body: LogIn) -> Response:
    """Log in with a local user name and password."""
    if request.headers.get("origin") is not None:
        require_our_origin(request)
    house = house_of(request)
    now = clock.now()
    token, viewer = log_in(house, body.user, body.password, request.cookies.get(COOKIE), now)
    answer = reply(said(viewer))
    answer.set_cookie(
        COOKIE,
        token,
        max_age=house.settings.session_hours * 3600,
        path="/",
        secure=is_https(request, house.settings),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.get("", response_model=None, responses=answers(LoggedIn))
def read_session(request: Request) -> Response:
    """Who is logged in."""
    return reply(said(current_viewer(request)))


@router.delete("", response_model=None, status_code=204, responses=answers(None, status=204, description="Logged out."))
def end_session(request: Request) -> Response:
    """Log out: the session, or the service token that was shown, ends at once."""
    viewer = current_viewer(request)
    log_out(house_of(request), viewer, clock.now())
    answer = nothing()
    answer.delete_cookie(COOKIE, path="/", secure=is_https(request, house_of(request).settings), httponly=True, samesite="strict")
    return answer


@router.get("/login", response_model=None, responses=answers(None, 404, person=False, status=302, description="To the identity provider."))
def begin_openid_login() -> Response:
    """Log in through OpenID Connect, where it is configured."""
    raise Problem(404, "oidc_not_configured", "OpenID Connect is not configured here: log in with POST /api/v1/session.")


@router.get("/callback", response_model=None, responses=answers(None, 404, person=False, status=302, description="Logged in."))
def finish_openid_login() -> Response:
    """Where the identity provider sends the browser back to."""
    raise Problem(404, "oidc_not_configured", "OpenID Connect is not configured here: log in with POST /api/v1/session.")
