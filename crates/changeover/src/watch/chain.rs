//! The names on the way to a file: the file itself, and each symbolic link that leads to it.

use std::path::{Component, Path, PathBuf};

use super::Step;

/// Links that are followed at most, as the kernel does.
const LINKS_MAX: usize = 40;

/// Every name whose replacement gives the file another content: for a plain file its own; for
/// `settings.json -> ..data/settings.json` with `..data -> ..2026` also the names of those links, at any level.
pub(crate) fn steps(file: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open: Vec<PathBuf> = vec![file.to_owned()];
    let mut links = 0;
    while let Some(path) = open.pop() {
        let mut walked = PathBuf::new();
        let components: Vec<Component<'_>> = path.components().collect();
        for (index, component) in components.iter().enumerate() {
            let folder = walked.clone();
            walked.push(component);
            let last = index + 1 == components.len();
            let target = std::fs::read_link(&walked).ok();
            if !last && target.is_none() {
                continue;
            }
            if let Component::Normal(name) = component {
                let (name, link) = (name.to_os_string(), target.is_some());
                steps.push(Step { folder: folder.clone(), name, link });
            }
            if let Some(target) = target {
                links += 1;
                if links > LINKS_MAX {
                    return steps;
                }
                let rest: PathBuf = components[index + 1..].iter().collect();
                let next = folder.join(target);
                open.push(if rest.as_os_str().is_empty() { next } else { next.join(rest) });
                break;
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_config_map_has_three_names_on_the_way() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("..2026")).unwrap();
        std::fs::write(root.join("..2026/settings.json"), "{}").unwrap();
        symlink("..2026", root.join("..data")).unwrap();
        symlink("..data/settings.json", root.join("settings.json")).unwrap();
        let step =
            |folder: &PathBuf, name: &str, link| Step { folder: folder.clone(), name: name.into(), link };
        assert_eq!(
            steps(&root.join("settings.json")),
            [
                step(&root, "settings.json", true),
                step(&root, "..data", true),
                step(&root.join("..2026"), "settings.json", false),
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_to_itself_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::os::unix::fs::symlink("settings.json", &path).unwrap();
        assert!(steps(&path).len() <= LINKS_MAX + 1);
    }
}
