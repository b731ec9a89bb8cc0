//! Where links lead: wherever they say, they stay within the drive that they are in.

use dazaar::maps::hyperdrive::DrivePath;

/// What the system is told of a link: `path` is its path in its own drive, of which only what is below `top` is seen. It resolves the
/// text name by name, and other links on the way; so `..` is only told in front, where it goes up from the link's own directory. None if
/// the link leads to what is not seen.
pub(crate) fn text(path: &DrivePath, target: &str, top: &DrivePath) -> Option<String> {
    let up = path.below(top)?.matches('/').count();
    if is_plain(target, up) {
        return Some(target.to_owned());
    }
    let place = path.resolve(target);
    let mut text = "../".repeat(up);
    text.push_str(place.below(top)?);
    if text.is_empty() {
        text.push('.');
    }
    (!text.contains('\0')).then_some(text)
}

/// Whether a target stays below the drive as it is.
fn is_plain(target: &str, up: usize) -> bool {
    let mut names = target.split('/').skip_while(|name| *name == "..");
    let ups = target.split('/').take_while(|name| *name == "..").count();
    ups <= up && !target.starts_with('/') && !target.contains(['\\', '\0']) && names.all(|name| name != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, target: &str, top: &str) -> Option<String> {
        text(&DrivePath::new(path), target, &DrivePath::new(top))
    }

    #[test]
    fn links_stay_within_the_drive() {
        let told = |path, target| told(path, target, "/").unwrap_or_default();
        assert_eq!(told("/a", "b"), "b");
        assert_eq!(told("/d/a", "../b/c"), "../b/c");
        assert_eq!(told("/d/a", "./x//y/"), "./x//y/");
        // From the root of the drive, not of the system.
        assert_eq!(told("/d/e/a", "/etc/passwd"), "../../etc/passwd");
        assert_eq!(told("/d/a", "../../../etc/passwd"), "../etc/passwd");
        // `x` may be a link: what is above where it leads is not what is above its name.
        assert_eq!(told("/d/a", "x/../../b"), "../b");
        assert_eq!(told("/a", "/"), ".");
        assert_eq!(told("/d/a", ".."), "..");
        assert_eq!(told("/a", ".."), ".");
        assert_eq!(told("/a", "..\\..\\etc"), "etc");
    }

    #[test]
    fn links_of_a_mounted_drive_stay_within_what_is_seen_of_it() {
        assert_eq!(told("/part/d/a", "/part/b", "/part").as_deref(), Some("../b"));
        assert_eq!(told("/part/d/a", "../b", "/part").as_deref(), Some("../b"));
        assert_eq!(told("/part/a", "../other", "/part"), None);
        assert_eq!(told("/part/a", "/other", "/part"), None);
        assert_eq!(told("/a", "x\0y/../../z", "/").as_deref(), Some("z"));
        assert_eq!(told("/a", "x\0y", "/"), None);
    }
}
