//! Addresses as they are written: `10.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`.

use config_file::{Mistake, Value, value};
use ports::{Address, UnixPath};

/// An address and port, or a socket file.
pub(super) fn read(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Address> {
    let text = value::text(value, mistakes)?;
    let Some(path) = text.strip_prefix(Address::UNIX) else {
        return value::socket_address(value, mistakes).map(Address::Ip);
    };
    match UnixPath::new(path) {
        Ok(path) => Some(Address::Unix(path)),
        Err(error) => {
            mistakes.push(Mistake::new(value.span(), error.to_string(), "not a socket file"));
            None
        }
    }
}
