//! Works in the first folder that it is given, with the standard library only; prints what it found.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

/// Errors by their number in WASI 0.1.
fn kind<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "done".into(),
        Err(error) => format!("{:?}", error.raw_os_error()),
    }
}

fn main() -> io::Result<()> {
    fs::create_dir("/data/sub")?;
    fs::write("/data/sub/a.txt", "one\ntwo\nthree\n")?;
    OpenOptions::new().append(true).open("/data/sub/a.txt")?.write_all(b"four\n")?;
    let lines: Vec<String> = BufReader::new(File::open("/data/sub/a.txt")?).lines().collect::<Result<_, _>>()?;
    println!("lines {}", lines.join(","));

    let mut file = File::options().read(true).write(true).open("/data/sub/a.txt")?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(b"TWO")?;
    file.seek(SeekFrom::End(-5))?;
    let mut tail = String::new();
    file.read_to_string(&mut tail)?;
    println!("tail {}", tail.trim());
    file.set_len(8)?;
    file.sync_all()?;
    println!("length {}", file.metadata()?.len());

    fs::rename("/data/sub/a.txt", "/data/sub/b.txt")?;
    fs::copy("/data/sub/b.txt", "/data/sub/c.txt")?;
    let mut names: Vec<String> =
        fs::read_dir("/data/sub")?.map(|entry| Ok(entry?.file_name().into_string().unwrap())).collect::<io::Result<_>>()?;
    names.sort();
    println!("names {}", names.join(","));
    println!("content {:?}", fs::read_to_string("/data/sub/c.txt")?);

    println!("absent {}", kind(File::open("/data/absent")));
    println!("exists {}", kind(File::create_new("/data/sub/b.txt")));
    println!("not empty {}", kind(fs::remove_dir("/data/sub")));
    println!("above {}", kind(fs::read("/data/../../etc/hostname")));
    println!("elsewhere {}", kind(fs::read("/etc/hostname")));
    println!("read only {}", kind(fs::write("/fixed/new.txt", "x")));
    println!("fixed {}", fs::read_to_string("/fixed/given.txt")?.trim());

    fs::remove_file("/data/sub/b.txt")?;
    fs::remove_dir_all("/data/sub")?;
    println!("left {}", fs::read_dir("/data")?.count());
    Ok(())
}
