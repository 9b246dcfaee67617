//! Which file system a file stands on, and whether it tells of all changes: a network file system sends events for what
//! this machine writes, and none for what others do.

use std::path::Path;

/// A file system, by what `statfs` says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its name; in hexadecimal digits where it is not known.
    pub(crate) name: String,
    /// Of whose changes it sends no events.
    pub(crate) silent_of: Option<&'static str>,
}

/// Where changes come from that no event tells of.
const ELSEWHERE: Option<&str> = Some("what is changed elsewhere: on another machine, or by the host");
const BENEATH: Option<&str> = Some("what is changed beneath it: in one of its layers");
const ALL_TOLD: Option<&str> = None;

/// What people meet, by the number that `statfs(2)` gives.
const KNOWN: [(u32, &str, Option<&str>); 33] = [
    (0x0000_6969, "nfs", ELSEWHERE),
    (0xFF53_4D42, "cifs", ELSEWHERE),
    (0xFE53_4D42, "smb2", ELSEWHERE),
    (0x0000_517B, "smb", ELSEWHERE),
    (0x0102_1997, "9p", ELSEWHERE),
    // Also virtiofs, and how Docker Desktop shares folders.
    (0x6573_5546, "fuse", ELSEWHERE),
    (0x00C3_6400, "ceph", ELSEWHERE),
    (0x5346_414F, "afs", ELSEWHERE),
    (0x6B41_4653, "afs", ELSEWHERE),
    (0x7375_7245, "coda", ELSEWHERE),
    (0x0116_1970, "gfs2", ELSEWHERE),
    (0x7461_636F, "ocfs2", ELSEWHERE),
    (0x0BD0_0BD0, "lustre", ELSEWHERE),
    (0x4750_4653, "gpfs", ELSEWHERE),
    (0x786F_4256, "vboxsf", ELSEWHERE),
    (0xBACB_ACBC, "vmhgfs", ELSEWHERE),
    (0x7C7C_6673, "prl_fs", ELSEWHERE),
    (0x794C_7630, "overlay", BENEATH),
    (0x0000_F15F, "ecryptfs", BENEATH),
    (0x0000_EF53, "ext4", ALL_TOLD),
    (0x5846_5342, "xfs", ALL_TOLD),
    (0x9123_683E, "btrfs", ALL_TOLD),
    (0x2FC1_2FC1, "zfs", ALL_TOLD),
    (0xF2F5_2010, "f2fs", ALL_TOLD),
    (0xCA45_1A4E, "bcachefs", ALL_TOLD),
    (0x0102_1994, "tmpfs", ALL_TOLD),
    (0x8584_58F6, "ramfs", ALL_TOLD),
    (0x0000_4D44, "vfat", ALL_TOLD),
    (0x2011_BAB0, "exfat", ALL_TOLD),
    (0x7366_746E, "ntfs3", ALL_TOLD),
    (0x7371_7368, "squashfs", ALL_TOLD),
    (0xE0F5_E1E2, "erofs", ALL_TOLD),
    (0x0000_9660, "iso9660", ALL_TOLD),
];

impl FileSystem {
    /// That of the file, or of the nearest folder on the way to it that is there.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let found = file.ancestors().find_map(|path| rustix::fs::statfs(path).ok())?;
        // The kernel's number has 32 bits; some machines' word for it is wider, and signed.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits matter")]
        let magic = found.f_type as u32;
        Some(Self::known(magic))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of(_file: &Path) -> Option<Self> {
        None
    }

    /// Whether it is one that is known to send events for every change.
    pub(crate) fn tells_all(&self) -> bool {
        KNOWN.iter().any(|(_, name, silent_of)| *name == self.name && silent_of.is_none())
    }

    fn known(magic: u32) -> Self {
        match KNOWN.iter().find(|(number, ..)| *number == magic) {
            Some((_, name, silent_of)) => Self { name: (*name).to_owned(), silent_of: *silent_of },
            None => Self { name: format!("{magic:#x}"), silent_of: ALL_TOLD },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_once() {
        for (index, (number, name, _)) in KNOWN.iter().enumerate() {
            assert!(KNOWN.iter().skip(index + 1).all(|(other, ..)| other != number), "{name}");
        }
    }

    /// As `linux/magic.h` has them, letter by letter; what stands there in no line is in coreutils' `stat.c`, and ntfs3 in
    /// the kernel's `fs/ntfs3/super.c`.
    const SOURCES: &str = "
        NFS_SUPER_MAGIC 0x6969 nfs silent
        CIFS_SUPER_MAGIC 0xFF534D42 cifs silent
        SMB2_SUPER_MAGIC 0xFE534D42 smb2 silent
        SMB_SUPER_MAGIC 0x517B smb silent
        V9FS_MAGIC 0x01021997 9p silent
        FUSE_SUPER_MAGIC 0x65735546 fuse silent
        CEPH_SUPER_MAGIC 0x00c36400 ceph silent
        AFS_SUPER_MAGIC 0x5346414F afs silent
        AFS_FS_MAGIC 0x6B414653 afs silent
        CODA_SUPER_MAGIC 0x73757245 coda silent
        OCFS2_SUPER_MAGIC 0x7461636f ocfs2 silent
        OVERLAYFS_SUPER_MAGIC 0x794c7630 overlay silent
        ECRYPTFS_SUPER_MAGIC 0xf15f ecryptfs silent
        EXT4_SUPER_MAGIC 0xEF53 ext4
        XFS_SUPER_MAGIC 0x58465342 xfs
        BTRFS_SUPER_MAGIC 0x9123683E btrfs
        F2FS_SUPER_MAGIC 0xF2F52010 f2fs
        TMPFS_MAGIC 0x01021994 tmpfs
        RAMFS_MAGIC 0x858458f6 ramfs
        MSDOS_SUPER_MAGIC 0x4d44 vfat
        EXFAT_SUPER_MAGIC 0x2011BAB0 exfat
        SQUASHFS_MAGIC 0x73717368 squashfs
        EROFS_SUPER_MAGIC_V1 0xE0F5E1E2 erofs
        ISOFS_SUPER_MAGIC 0x9660 iso9660
        S_MAGIC_GFS 0x01161970 gfs2 silent
        S_MAGIC_LUSTRE 0x0BD00BD0 lustre silent
        S_MAGIC_GPFS 0x47504653 gpfs silent
        S_MAGIC_VBOXSF 0x786F4256 vboxsf silent
        S_MAGIC_VMHGFS 0xBACBACBC vmhgfs silent
        S_MAGIC_PRL_FS 0x7C7C6673 prl_fs silent
        S_MAGIC_ZFS 0x2FC12FC1 zfs
        S_MAGIC_BCACHEFS 0xCA451A4E bcachefs
        fs/ntfs3/super.c 0x7366746e ntfs3";

    #[test]
    fn the_numbers_are_those_of_their_sources() {
        let rows: Vec<Vec<&str>> =
            SOURCES.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
        for row in &rows {
            let number = u32::from_str_radix(row[1].trim_start_matches("0x"), 16).unwrap();
            let known = FileSystem::known(number);
            assert_eq!((known.name.as_str(), known.silent_of.is_some()), (row[2], row.len() == 4), "{row:?}");
        }
        assert_eq!(rows.len(), KNOWN.len(), "a row without a source");
    }

    #[test]
    fn what_is_not_known_is_shown_as_its_number_and_believed() {
        let unknown = FileSystem { name: "0x1234".to_owned(), silent_of: None };
        assert_eq!(FileSystem::known(0x1234), unknown);
        assert_eq!(FileSystem::known(0xFF53_4D42).name, "cifs");
        let tell =
            [0x1234, 0xFF53_4D42, 0x794C_7630, 0x0000_EF53].map(|magic| FileSystem::known(magic).tells_all());
        assert_eq!(tell, [false, false, false, true]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_not_there_stands_where_its_folder_does() {
        let proc = FileSystem::of(Path::new("/proc/version")).unwrap();
        assert_eq!(FileSystem::of(Path::new("/proc/nothing/of/that/name")), Some(proc.clone()));
        assert_eq!(proc.name, "0x9fa0");
    }
}
