//! What a client makes of answers before it asks again: it goes where they lead, and shows the cookies they set.
//!
//! ```text
//! ResponseHead -> Trail (Location, Set-Cookie) -> Turn (URL, method, credentials) -> rewrite: the next request's bytes
//! ```

mod jar;
mod led;
mod redirect;
mod rewrite;

pub use jar::{Jar, Taken};
pub use led::Led;
pub(crate) use redirect::leads_on;
pub use redirect::{Astray, FOLLOW_DEFAULT, FOLLOW_MAX, Turn};
pub use rewrite::{follow, target_of, with_cookies};

use http::url::{URL_BYTES_MAX, Url};
use http::{Method, ResponseHead};

/// What one place in the loop knows of where its request has been led.
#[derive(Debug)]
pub struct Trail {
    home: Url,
    /// Where the request goes that is under way; its path is the one that was sent.
    at: Url,
    hops: u32,
    location: Vec<u8>,
    is_too_long: bool,
}

impl Trail {
    /// Of requests that begin at `home`.
    pub fn new(home: &Url) -> Self {
        Self { home: home.clone(), at: home.clone(), hops: 0, location: Vec::new(), is_too_long: false }
    }

    /// A request of the run is made, with this target.
    pub fn begin(&mut self, target: &[u8]) {
        self.at = self.home.join(target).unwrap_or_else(|_| self.home.clone());
        self.hops = 0;
    }

    /// Where the request goes that is under way.
    pub fn at(&self) -> &Url {
        &self.at
    }

    /// The head of an answer came.
    pub fn handle_head(&mut self, head: &ResponseHead<'_, '_>) {
        self.location.clear();
        let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("location"));
        let value = field.map_or(&[][..], |field| field.value);
        self.is_too_long = value.len() > URL_BYTES_MAX;
        self.location.extend_from_slice(if self.is_too_long { &[] } else { value });
    }

    /// The answer is whole, and leads on: the way to go, at most `max` times for one request of the run.
    ///
    /// # Errors
    /// It cannot be gone.
    pub fn follow(&mut self, status: u16, method: Method, max: u32) -> Result<Turn, Astray> {
        if self.hops >= max {
            return Err(Astray::TooMany);
        }
        if self.is_too_long {
            return Err(Astray::NoUrl);
        }
        let to = self.at.join(&self.location).map_err(|_| Astray::NoUrl)?;
        self.hops += 1;
        let changes_origin = !to.is_of_origin(&self.at);
        self.at = to;
        Ok(Turn { becomes_get: redirect::becomes_get(status, method), changes_origin })
    }
}
