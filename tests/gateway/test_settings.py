"""gateway.toml and GATEWAY_* variables: what they mean, and what is said when they mean nothing."""

from pathlib import Path

import pytest

from datasources.resilience import Resilience
from datasources.rest import Batch
from gateway.errors import ConfigError
from gateway.settings import DevSettings, load
from gateway.settings_sources import ResourceSettings

EXAMPLE = """
graph = "shop"

[http]
port = 9000
allowed_origins = ["https://shop.example"]

[sources.erp]
url = "postgresql+asyncpg://reader:hunter2@db/erp"
pool_size = 20
nest = false
resilience = { deadline = 2.5 }

[sources.scm]
url = "https://scm.example/v1"
headers = { authorization = "Bearer hunter2" }
resources.shipments = { path = "/parcels", batch = "each" }
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_reads_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(EXAMPLE)
    monkeypatch.setenv("GATEWAY_HTTP__PORT", "9001")
    monkeypatch.setenv("GATEWAY_SOURCES__ERP__URL", "sqlite:///erp.sqlite")
    monkeypatch.setenv("GATEWAY_HOME", "elsewhere")
    settings = load()
    assert (settings.graph, settings.home) == ("shop", Path("elsewhere"))
    assert settings.http.port == 9001
    assert settings.http.allowed_origins == ("https://shop.example",)
    erp, scm = settings.sources["erp"], settings.sources["scm"]
    assert (erp.url.get_secret_value(), erp.pool_size) == ("sqlite:///erp.sqlite", 20)
    assert erp.resilience == Resilience(deadline=2.5)
    assert (erp.nest, scm.nest) == (False, True)
    assert scm.headers["authorization"].get_secret_value() == "Bearer hunter2"
    assert scm.resources == {"shipments": ResourceSettings(path="/parcels", batch=Batch.EACH)}
    assert "hunter2" not in repr(settings)


def test_without_a_file_there_are_defaults() -> None:
    settings = load()
    assert (settings.http.host, settings.http.port, settings.http.path) == ("127.0.0.1", 8000, "/graphql")
    assert (settings.http.csrf_prevention, settings.http.graphiql, settings.http.allowed_origins) == (True, False, ())
    assert settings.sources == {}


def test_development_has_defaults_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_HTTP__PORT", "9001")
    http = load(kind=DevSettings).http
    assert (http.port, http.csrf_prevention, http.graphiql) == (9001, False, True)
    assert http.allowed_origins == ("http://localhost:*", "http://127.0.0.1:*")


def test_development_has_looser_limits_of_which_each_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LIMITS__DEPTH", "7")
    monkeypatch.setenv("GATEWAY_LIMITS__RATE__CLIENT", "60")
    strict, loose = load().limits, load(kind=DevSettings).limits
    assert (strict.depth, strict.aliases, strict.introspection, strict.suggestions) == (7, 100, False, False)
    assert (strict.rate.viewer, strict.rate.client) == (1_000_000, 60)
    assert (loose.depth, loose.aliases, loose.introspection, loose.suggestions) == (7, 1000, True, True)
    assert (loose.rate.viewer, loose.rate.client) == (0, 60)


def test_another_file_is_named_by_argument_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.toml").write_text("graph = 'a'")
    (tmp_path / "b.toml").write_text("graph = 'b'")
    monkeypatch.setenv("GATEWAY_CONFIG", "a.toml")
    assert load().graph == "a"
    assert load(Path("b.toml")).graph == "b"


ISSUER = """
[auth.issuers.company]
issuer = 'https://login.example/'
audience = ['https://data.example']
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[http",
            "gateway.toml is not TOML: Expected ']' at the end of a table declaration (at end of document).",
            id="no-toml",
        ),
        pytest.param(
            "[htp]\nport = 1", "gateway.toml: htp: there is no such setting; did you mean 'http'?", id="table"
        ),
        pytest.param(
            "[http]\nprot = 1", "gateway.toml: http.prot: there is no such setting; did you mean 'port'?", id="name"
        ),
        pytest.param(
            "[http]\nport = 'x'",
            "gateway.toml: http.port: must be a valid integer, unable to parse string as an integer; it is 'x'.",
            id="type",
        ),
        pytest.param(
            "[http]\nport = 70000",
            "gateway.toml: http.port: must be less than or equal to 65535; it is 70000.",
            id="range",
        ),
        pytest.param(
            "[http]\nallowed_origins = ['shop.example']",
            r"gateway.toml: http.allowed_origins.0: must be a web origin like https://shop.example; it is "
            "'shop.example'.",
            id="origin",
        ),
        pytest.param("[sources.erp]\npool_size = 3", "gateway.toml: sources.erp.url: is missing.", id="missing"),
        pytest.param(
            "[sources.erp]\nurl = 'oracle://x:secret@y'",
            "gateway.toml: sources.erp.url: must begin with one of sqlite:, postgresql:, postgresql+asyncpg:, "
            "http:, https:, demo:.",
            id="scheme",
        ),
        pytest.param(
            "[sources.erp]\nurl = 'sqlite:///x'\nresilience = { deadlin = 1 }",
            "gateway.toml: sources.erp.resilience.deadlin: there is no such setting; did you mean 'deadline'?",
            id="nested",
        ),
        pytest.param(
            "[sources.scm]\nurl = 'https://x'\nresources.a = { batch = 'all' }",
            "gateway.toml: sources.scm.resources.a.batch: must be 'auto', 'list', 'post' or 'each'; it is 'all'.",
            id="enum",
        ),
        pytest.param(
            "[sources.scm]\nurl = 'https://u:secret@host:port/'",
            "gateway.toml: sources.scm.url: has a host or a port that cannot be read.",
            id="port",
        ),
        pytest.param(
            "[sources.scm]\nurl = 'https://'",
            "gateway.toml: sources.scm.url: must name a host, as https://service.example/v1 does.",
            id="host",
        ),
        pytest.param(
            "[redis]\nurl = 'http://u:secret@redis.example'",
            "gateway.toml: redis.url: must begin with redis:// or rediss://.",
            id="redis",
        ),
        pytest.param(
            "[redis]\nurl = 'rediss://u:secret@'",
            "gateway.toml: redis.url: must name a host, as redis://redis.example:6379 does.",
            id="redis host",
        ),
        pytest.param("redis = 'redis://u:secret@h'", "gateway.toml: redis: must be a table.", id="redis table"),
        pytest.param(
            "[sources.erp]\nurl = 'sqlite://'",
            "gateway.toml: sources.erp.url: must name a file, as sqlite:///folder/file.sqlite does.",
            id="file",
        ),
        pytest.param(
            "[sources.scm]\nurl = 'https://x'\nheaders = { authorization = 'Bearer …' }",
            "gateway.toml: sources.scm.headers: must be printable ASCII, which 'authorization' is not.",
            id="header",
        ),
        pytest.param(
            "[sources.scm]\nurl = 'https://x'\nheaders = 'Bearer secret'",
            "gateway.toml: sources.scm.headers: must be a table.",
            id="secret",
        ),
        pytest.param(
            "[sources.erp]\nurl = 'sqlite:///x'\nresilience = { concurrency = 0 }",
            "gateway.toml: sources.erp.resilience: must have a concurrency above 0; it is 0.",
            id="positive",
        ),
        pytest.param(
            "[limits]\npage_maximum = 10",
            "gateway.toml: limits: must have a page_default of page_maximum at most, which is 10.",
            id="page-sizes",
        ),
        pytest.param(
            ISSUER + "jwks = 'http://login.example/keys'",
            "gateway.toml: auth.issuers.company.jwks: must be an https: address, or a file: what http: brings may be "
            "anybody's keys; it is 'http://login.example/keys'.",
            id="plain-http",
        ),
        pytest.param(
            ISSUER, "gateway.toml: auth.issuers.company: must have one of jwks, keys and secret.", id="no-keys"
        ),
        pytest.param(
            ISSUER + "jwks = 'a.json'\nkeys = ['x']",
            "gateway.toml: auth.issuers.company: must have one of jwks, keys and secret.",
            id="two-kinds-of-keys",
        ),
        pytest.param(
            ISSUER + "secret = 'hush'",
            "gateway.toml: auth.issuers.company.secret: must have 32 bytes or more.",
            id="short-secret",
        ),
        pytest.param(
            ISSUER + "secret = 7", "gateway.toml: auth.issuers.company.secret: must be a valid string.", id="no-secret"
        ),
        pytest.param(
            ISSUER + f"secret = '{'x' * 32}'",
            'gateway.toml: auth.issuers.company: must have algorithms = ["HS256"], or its like, with a secret, and '
            "others with keys.",
            id="secret-and-other-algorithms",
        ),
        pytest.param(
            ISSUER + "jwks = 'a.json'\nalgorithms = ['HS256', 'RS256']",
            'gateway.toml: auth.issuers.company: must have algorithms = ["HS256"], or its like, with a secret, and '
            "others with keys.",
            id="keys-as-secrets",
        ),
        pytest.param(
            ISSUER + "jwks = 'a.json'\nalgorithms = ['none']",
            "gateway.toml: auth.issuers.company.algorithms.0: must be 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', "
            "'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'HS256', 'HS384' or 'HS512'; it is 'none'.",
            id="algorithm-none",
        ),
        pytest.param(
            "[auth.issuers.company]\nissuer = 'x'\njwks = 'a.json'",
            "gateway.toml: auth.issuers.company.audience: is missing.",
            id="no-audience",
        ),
        pytest.param(
            ISSUER + "jwks = 'a.json'\n[auth.issuers.other]\nissuer = 'https://login.example/'\naudience = []\n"
            "jwks = 'a.json'",
            "gateway.toml: auth.issuers: must each have an issuer of its own.",
            id="the-same-issuer-twice",
        ),
        pytest.param(
            "[control]\nurl = 'mysql://u:secret@host/db'",
            "gateway.toml: control.url: must begin with postgresql+asyncpg:.",
            id="control",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gateway.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == message


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("grahp = 'x'\n[http]\nport = -1")
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).splitlines() == [
        "gateway.toml: http.port: must be greater than or equal to 0; it is -1.",
        "gateway.toml: grahp: there is no such setting; did you mean 'graph'?",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        pytest.param(
            "GATEWAY_HTTP__PORT",
            "x",
            "GATEWAY_HTTP__PORT: must be a valid integer, unable to parse string as an integer; it is 'x'.",
            id="value",
        ),
        pytest.param(
            "GATEWAY_SORCES__ERP__URL",
            "sqlite:///x",
            "GATEWAY_SORCES__ERP__URL: there is no setting 'sorces'; did you mean 'sources'?",
            id="table",
        ),
        pytest.param(
            "GATEWAY_HTTP",
            "foo",
            "GATEWAY_HTTP…: a table cannot be set as a whole, but by its parts: GATEWAY_HTTP__NAME; lists and tables "
            "within it are written as JSON.",
            id="whole-table",
        ),
        pytest.param(
            "GATEWAY_SOURCES__ERP",
            "postgresql://u:secret@host/db",
            "GATEWAY_SOURCES__ERP: must be a table.",
            id="secret",
        ),
        pytest.param("GATEWAY_CONFIG", "nowhere.toml", "nowhere.toml: there is no such file.", id="file"),
    ],
)
def test_a_mistake_in_a_variable_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == message


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "tcp://10.0.0.1:8000")  # as Kubernetes sets for a service called gateway
    assert load().http.port == 8000


def test_a_secret_may_come_from_a_variable_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(ISSUER + "algorithms = ['HS256']")
    monkeypatch.setenv("GATEWAY_AUTH__ISSUERS__COMPANY__SECRET", "x" * 32)
    issuer = load().auth.issuers["company"]
    assert issuer.secret is not None
    assert (issuer.issuer, issuer.secret.get_secret_value()) == ("https://login.example/", "x" * 32)
    assert "x" * 32 not in repr(issuer)
