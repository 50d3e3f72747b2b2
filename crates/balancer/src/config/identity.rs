//! `user` and `group` of `[global]`: who the process becomes.

use super::bind::read_id;
use config_file::{Mistake, Value, value};
use sys::privileges::Identity;

pub(super) fn read(
    user: Option<&Value<'_>>,
    group: Option<&Value<'_>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Identity> {
    let own_group = group.and_then(|group| read_id(group, "group", sys::unix::group_id, mistakes));
    let Some(user) = user else {
        let alone = |group: &Value<'_>| {
            let title = "a group without a user: `user` says who the process becomes";
            Mistake::new(group.span(), title, "this").help("add `user`, or leave it out")
        };
        mistakes.extend(group.map(alone));
        return None;
    };
    let number = read_id(user, "user", sys::unix::user_id, mistakes)?;
    let name = value::text(user, mistakes)?;
    let known = sys::unix::user(name).ok().flatten().map(|who| who.group);
    if let Some(group) = own_group.or(known) {
        return Some(Identity { user: number, group });
    }
    if group.is_none() {
        let title = format!("user {number} has no name here, so its group is not known");
        mistakes.push(Mistake::new(user.span(), title, "this").help("add `group`"));
    }
    None
}
