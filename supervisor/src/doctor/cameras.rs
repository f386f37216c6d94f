//! May this user open the cameras that are there?

use super::Finding;
use nix::unistd::{AccessFlags, Gid, Group, Uid, User, access};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the kernel lists cameras, whether or not their nodes are to be seen.
const LISTED: &str = "/sys/class/video4linux";

pub(super) fn look() -> Vec<Finding> {
    let mut names: Vec<String> = std::fs::read_dir(LISTED)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("video"))
        .collect();
    names.sort();
    let user = User::from_uid(Uid::current()).ok().flatten();
    let user = user.map_or_else(|| Uid::current().to_string(), |user| user.name);
    if names.is_empty() {
        return vec![Finding::ok("cameras", "none connected")];
    }
    let nodes = names.iter().map(|name| Node::look(name, &user));
    nodes.map(|node| check(&node, &user)).collect()
}

/// One camera node.
#[derive(Debug, Clone)]
struct Node {
    path: PathBuf,
    exists: bool,
    may_open: bool,
    /// The group that may open it.
    group: Option<String>,
    /// The user is entered in that group, though this session may not have it yet.
    is_member: bool,
}

impl Node {
    fn look(name: &str, user: &str) -> Self {
        let path = Path::new("/dev").join(name);
        let facts = std::fs::metadata(&path).ok();
        let gid = facts.as_ref().map(|facts| Gid::from_raw(facts.gid()));
        let group = gid.and_then(|gid| Group::from_gid(gid).ok().flatten());
        Self {
            exists: facts.is_some(),
            may_open: access(&path, AccessFlags::R_OK | AccessFlags::W_OK).is_ok(),
            is_member: group
                .as_ref()
                .is_some_and(|group| group.mem.iter().any(|member| member == user)),
            group: group.map(|group| group.name),
            path,
        }
    }
}

fn check(node: &Node, user: &str) -> Finding {
    let path = node.path.display();
    if !node.exists {
        return Finding::warn(
            "cameras",
            format!("{path} is connected, but not to be seen here"),
        )
        .meaning("this container or sandbox has no access to it")
        .mend(format!("start the container with `--device {path}`"));
    }
    if node.may_open {
        return Finding::ok("cameras", format!("{path} may be opened"));
    }
    let group = node.group.as_deref().unwrap_or("video");
    let finding = Finding::warn("cameras", format!("{path} may not be opened by `{user}`"))
        .meaning(format!(
            "group `{group}` may; the box runs without this camera"
        ));
    if node.is_member {
        finding.mend(format!(
            "`{user}` is in the group since the last log-in: log out and in again, or `newgrp \
             {group}`"
        ))
    } else {
        finding.mend(format!(
            "`sudo usermod -aG {group} {user}`, then log out and in again"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn node() -> Node {
        Node {
            path: PathBuf::from("/dev/video0"),
            exists: true,
            may_open: false,
            group: Some("video".to_owned()),
            is_member: false,
        }
    }

    #[test]
    fn closed_camera_names_the_group_and_the_command() {
        let finding = check(&node(), "ann");
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.mend.unwrap().contains("usermod -aG video ann"));
        let waiting = Node {
            is_member: true,
            ..node()
        };
        assert!(
            check(&waiting, "ann")
                .mend
                .unwrap()
                .contains("newgrp video")
        );
    }

    #[test]
    fn open_camera_is_fine_and_a_hidden_one_is_told() {
        let open = Node {
            may_open: true,
            ..node()
        };
        assert_eq!(check(&open, "ann").level, Level::Ok);
        let hidden = Node {
            exists: false,
            ..node()
        };
        assert!(
            check(&hidden, "ann")
                .mend
                .unwrap()
                .contains("--device /dev/video0")
        );
    }
}
