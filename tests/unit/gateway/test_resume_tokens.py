from __future__ import annotations

import base64
import json

import jwt
import pytest

from common.errors import BadResumeToken, CannotLookUp, ResumeExpired
from gateway.resume_tokens import LIFE_S, ResumeClaim, ResumeTokens
from tests.support.clock import ManualClock

CLAIM = ResumeClaim("call-2", "ada", 3)


class Rig:
    def __init__(self, *secrets: str) -> None:
        self.clock = ManualClock()
        self.secrets = list(secrets or ("secret",))
        self.knows_all = True
        self.tokens = ResumeTokens(lambda: self.secrets, self.clock.now, lambda: self.knows_all)


def test_a_token_says_what_it_was_made_of() -> None:
    rig = Rig()
    assert rig.tokens.claim(rig.tokens.token(CLAIM), "ada") == CLAIM


def test_a_trace_is_in_it_only_if_there_is_one() -> None:
    rig = Rig()
    traced = ResumeClaim("call-2", "ada", 3, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert rig.tokens.claim(rig.tokens.token(traced), "ada") == traced
    assert "trace" not in jwt.decode(rig.tokens.token(CLAIM), options={"verify_signature": False})


def test_it_is_good_until_it_expires() -> None:
    rig = Rig()
    token = rig.tokens.token(CLAIM)
    rig.clock.advance(LIFE_S - 1)
    rig.tokens.claim(token, "ada")
    rig.clock.advance(1)
    with pytest.raises(ResumeExpired):
        rig.tokens.claim(token, "ada")


def test_nobody_elses_tenant_can_use_it() -> None:
    rig = Rig()
    with pytest.raises(BadResumeToken):
        rig.tokens.claim(rig.tokens.token(CLAIM), "bob")


def test_other_gateways_read_it_also_after_the_secret_has_changed() -> None:
    token = Rig("one").tokens.token(CLAIM)
    assert Rig("two", "one").tokens.claim(token, "ada") == CLAIM
    with pytest.raises(BadResumeToken):
        Rig("two").tokens.claim(token, "ada")


def test_before_all_secrets_are_known_no_token_is_called_bad() -> None:
    rig, token = Rig("own"), Rig("theirs").tokens.token(CLAIM)
    rig.knows_all = False
    with pytest.raises(CannotLookUp) as refused:
        rig.tokens.claim(token, "ada")
    assert refused.value.retry_after_s
    assert rig.tokens.claim(rig.tokens.token(CLAIM), "ada") == CLAIM
    rig.secrets.insert(0, "theirs")
    assert rig.tokens.claim(token, "ada") == CLAIM


def test_the_secret_itself_signs_nothing() -> None:
    forged = jwt.encode({"aud": "voxshard-resume", "exp": 9e9, "sid": "call"}, "secret" * 6, "HS256")
    with pytest.raises(BadResumeToken):
        Rig("secret" * 6).tokens.claim(forged, "")


def _unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def _changed(token: str) -> str:
    head, body, mac = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sid"] = "someone-elses"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{mac}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "x",
        lambda token: token[:-2],
        lambda token: token + "A" * 1_024,
        lambda token: "\udcff.ü.☃",
        _unsigned,
        _changed,
    ],
    ids=["empty", "word", "cut", "long", "no ascii", "unsigned", "changed"],
)
def test_what_is_no_token_of_ours_is_refused(spoil: object) -> None:
    rig = Rig()
    assert callable(spoil)
    with pytest.raises(BadResumeToken):
        rig.tokens.claim(spoil(rig.tokens.token(CLAIM)), "ada")
