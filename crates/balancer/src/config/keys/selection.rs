//! Of `[[backend_set]]`: which server a request goes to.

use super::super::backend::WEIGHT_MAX;
use super::words;
use balancer_core::{Balance, SameSite};
use config_file::{Key, Kind, Table};

pub(super) const BALANCE: Key = Key::new(
    "balance",
    Kind::choice::<Balance>(),
    "which server is next. `\"round-robin\"`: all in turn, smoothly by weight; `\"least-connections\"`: the one with the \
     fewest requests and tunnels under way for its weight, over all workers, and among several of them, as among those that \
     have nothing to do, each in turn by weight; `\"random\"`: the better one of two that chance names by weight; \
     `\"least-time\"`: the one that is likely to answer first, by its times to the first byte and what is under way for its \
     weight. Those about as quick as the quickest (a quarter, and 0.2 ms) have their turns by weight; a slower one gets \
     nothing while those are idle, but is tried again after a while (its time counts for half after each 10 s); \
     `\"hash\"`: the same one for what requests have in common, see `hash`",
).words(words::BALANCE).known_as(&["lb_policy", "load_balancing", "algorithm", "policy", "lb_method", "strategy"])
.or("\"round-robin\"");

pub(super) const HASH: Key = Key::new(
    "hash",
    Kind::Text("\"source\", \"path\", \"uri\", \"header:NAME\" or \"cookie:NAME\""),
    "with `balance = \"hash\"`: what requests to the same server have in common. Few go elsewhere when a server comes or \
     leaves, and all balancers with the same servers choose alike; a server that has a quarter more to do than its share, and \
     at least 8 requests, is passed over. Requests without such a field or cookie go round robin. A tcp connection has its \
     source only",
).words(words::HASH).known_as(&["hash_by", "hash_key", "hash_policy"])
.or_words("required with `balance = \"hash\"`")
.example("\"cookie:session\"");

pub(super) const SLOW_START: Key = Key::new(
    "slow_start",
    Kind::Time,
    "how long a server that is well again, or was added to a running set, takes to its full weight, from a tenth of it",
)
.known_as(&["slowstart"])
.or_words("no time")
.example("\"30s\"");

pub(super) const WEIGHT: Key = Key::new(
    "weight",
    Kind::Number { min: 0, max: WEIGHT_MAX },
    "its share of the requests; 0: it takes nothing new, what is under way goes on",
)
.known_as(&["weights"])
.or("1");

pub(super) const BACKUP: Key =
    Key::new("backup", Kind::Switch, "it is asked only where no other server is well").known_as(&["spare"]).or("false");

pub(super) const STICKY: Key = Key::new(
    "sticky",
    Kind::Table(&STICKY_TABLE),
    "clients stay with their server: a cookie names it by an id that is not its address, and is the same at every balancer \
     with the same configuration. It is set only where it is missing or names another one; where its server is aside, full or \
     gone, another is chosen and named",
).example("{ cookie = \"QSRV\" }").known_as(&["cookie", "stick", "session", "sticky_sessions", "persistence", "affinity", "stick_table"]);

static STICKY_TABLE: Table = Table {
    name: "backend_set.sticky",
    heading: "[backend_set.sticky]",
    keys: &[
        Key::new("cookie", Kind::Text("name"), "the name of the cookie").known_as(&["name"]).required("\"QSRV\""),
        Key::new("path", Kind::Text("path"), "where browsers send it back to").or("\"/\""),
        Key::new("secure", Kind::Switch, "browsers send it back over TLS only").or("false"),
        Key::new("http_only", Kind::Switch, "scripts do not see it").known_as(&["httponly"]).or("true"),
        Key::new("same_site", Kind::choice::<SameSite>(), "which requests from other sites carry it")
            .known_as(&["samesite"])
            .or_words("what browsers do without being told")
            .example("\"lax\""),
        Key::new("max_age", Kind::Time, "how long it is kept")
            .known_as(&["maxlife", "expires", "ttl"])
            .or_words("as long as the browser runs")
            .example("\"1h\""),
        Key::new(
            "key",
            Kind::Text("text"),
            "a secret that ids are made with: without it whoever guesses an address can tell that it is one",
        )
        .known_as(&["secret"])
        .secret()
        .example("\"a long secret\""),
        Key::new("pass", Kind::Switch, "servers see the cookie, too").or("false"),
    ],
};
