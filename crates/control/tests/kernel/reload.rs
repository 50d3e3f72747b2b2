//! Another configuration in place of the one that is worked by.

use crate::dns::{Dns, Says};
use crate::stage::{Client, Load, config, get, loopback, origins, start};
use balancer::Config;
use control::ReloadError;
use hickory_resolver::proto::rr::RecordType;
use std::collections::HashSet;
use std::net::TcpListener;

/// A set of these servers. What is not known yet is asked for at `dns`, and then not again while a test runs.
fn asking(dns: &Dns, servers: &str) -> Config {
    config(&format!("resolvers = [\"{}\"]", dns.address), &format!("servers = [{servers}]\nresolve = \"1h\""))
}

#[test]
fn other_servers_are_asked_and_no_request_is_lost() {
    let (_origins, port) = origins(3);
    let of = |number| config("", &format!("servers = [\"{}:{port}\"]", loopback(number)));
    let control = start(&of(1));
    let address = control.addresses()[0];
    let mut kept = Client::connect(address);
    assert_eq!(kept.get(), (200, "1".to_owned()));
    let load = Load::on(address);
    for number in [2, 3, 1, 2] {
        load.goes_on(20);
        let change = control.remote().reload(&of(number)).wait().expect("it is good");
        assert_eq!((change.opened.len(), change.warnings.len()), (0, 0), "{change}");
        // Whoever asks from then on, and on whichever connection.
        assert_eq!(get(address), (200, number.to_string()));
        assert_eq!(kept.get(), (200, number.to_string()));
    }
    load.end();
}

#[test]
fn what_names_lead_to_is_known_from_before() {
    let dns = Dns::start();
    let (_origins, port) = origins(2);
    for (name, number) in [("one.test", 1), ("two.test", 2)] {
        dns.has(name, &[loopback(number)]);
        dns.says(name, RecordType::AAAA, Says::NoSuchName);
    }
    let control = start(&asking(&dns, &format!("\"one.test:{port}\"")));
    let address = control.addresses()[0];
    dns.says("one.test", RecordType::A, Says::Broken);
    let asked = dns.asked();
    control
        .remote()
        .reload(&asking(&dns, &format!("\"one.test:{port}\", \"two.test:{port}\"")))
        .wait()
        .expect("it is good");
    assert_eq!(dns.asked(), asked + 2, "only the new name is asked for, for each family");
    // Workers take turns each by themselves.
    let answered: HashSet<_> = (0..8).map(|_| get(address).1).collect();
    assert_eq!(answered, ["1", "2"].map(str::to_owned).into());
}

#[test]
fn what_is_not_good_changes_nothing() {
    let dns = Dns::start();
    let (_origins, port) = origins(1);
    dns.has("one.test", &[loopback(1)]);
    let good = asking(&dns, &format!("\"one.test:{port}\""));
    let control = start(&good);
    let address = control.addresses()[0];
    let load = Load::on(address);

    let nowhere =
        control.remote().reload(&asking(&dns, "\"nobody.test:80\"")).wait().expect_err("a name leads nowhere");
    assert!(nowhere.to_string().contains("nobody.test leads to no server"), "{nowhere}");

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut other = good.clone();
    other.settings.listeners[0].binds[0].address = taken.local_addr().expect("bound").into();
    let refused = control.remote().reload(&other).wait().expect_err("the address is taken");
    assert!(refused.to_string().contains("listener \"web\""), "{refused}");

    assert_eq!(control.places().len(), 1);
    assert_eq!(get(address), (200, "1".to_owned()));
    load.goes_on(20);
    load.end();
    // And a good one is taken afterwards.
    control.remote().reload(&good).wait().expect("it is good");
    assert_eq!(get(address), (200, "1".to_owned()));
}

#[test]
fn one_at_a_time_and_the_end_does_not_wait_for_it() {
    let dns = Dns::start();
    let (_origins, port) = origins(1);
    dns.has("one.test", &[loopback(1)]);
    for kind in [RecordType::A, RecordType::AAAA] {
        dns.says("silent.test", kind, Says::Silence);
    }
    let control = start(&asking(&dns, &format!("\"one.test:{port}\"")));
    let first = control.remote().reload(&asking(&dns, "\"silent.test:80\""));
    let second = control.remote().reload(&asking(&dns, &format!("\"one.test:{port}\""))).wait();
    assert!(matches!(second, Err(ReloadError::Busy)), "{second:?}");
    assert!(first.poll().is_none(), "it waits for a resolver that says nothing");
    assert_eq!(get(control.addresses()[0]), (200, "1".to_owned()));
    drop(control);
    let first = first.wait();
    assert!(matches!(first, Err(ReloadError::Ending)), "{first:?}");
}
