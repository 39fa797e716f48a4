use diesel::{
    Connection, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query,
    sql_types::BigInt,
};

use super::{writes::run_batch, *};

type Answer = oneshot::Receiver<Result<(), StoreError>>;

/// A database with one table, in memory.
fn table() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT)").unwrap();
    conn
}

fn notes(conn: &mut SqliteConnection) -> Vec<i64> {
    #[derive(QueryableByName)]
    struct Note {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let rows: Vec<Note> = sql_query("SELECT n FROM notes ORDER BY n").load(conn).unwrap();
    rows.into_iter().map(|note| note.n).collect()
}

fn note(conn: &mut SqliteConnection, n: i64) -> Outcome<()> {
    Ok(conn.batch_execute(&format!("INSERT INTO notes (n) VALUES ({n})"))?)
}

fn job(
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<()> + Send + 'static,
) -> (Box<dyn Write>, Answer) {
    let (reply, answer) = oneshot::channel();
    (Box::new(WriteJob::new(work, reply)), answer)
}

/// Runs the jobs as one batch and returns what became of each.
fn batch<const N: usize>(
    conn: &mut SqliteConnection,
    jobs: [(Box<dyn Write>, Answer); N],
) -> [Result<(), StoreError>; N] {
    let (jobs, answers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    run_batch(conn, jobs, &AtomicU64::new(0));
    let told = answers.into_iter().map(|mut answer| answer.try_recv().unwrap());
    told.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn a_job_that_fails_leaves_its_batch_mates() {
    let conn = &mut table();
    let [first, second, third] = batch(
        conn,
        [
            job(|conn| note(conn, 1)),
            job(|conn| note(conn, 2).and(Err(StoreError::Locked.into()))),
            job(|conn| note(conn, 3)),
        ],
    );
    assert!(first.is_ok() && third.is_ok());
    assert!(matches!(second, Err(StoreError::Locked)), "{second:?}");
    assert_eq!(notes(conn), [1, 3]);
}

#[test]
fn a_job_that_fails_alone_changes_nothing() {
    let conn = &mut table();
    let [only] = batch(conn, [job(|conn| note(conn, 1).and(note(conn, 1)))]);
    assert!(matches!(only, Err(StoreError::Conflict)), "{only:?}");
    assert!(notes(conn).is_empty());
    let [next] = batch(conn, [job(|conn| note(conn, 2))]);
    assert!(next.is_ok());
}

#[test]
fn a_job_that_panics_has_failed_and_leaves_its_batch_mates() {
    let conn = &mut table();
    let [first, second] = batch(
        conn,
        [
            job(|conn| {
                note(conn, 1)?;
                panic!("a fault of our own")
            }),
            job(|conn| note(conn, 2)),
        ],
    );
    assert!(matches!(first, Err(StoreError::Internal(_))), "{first:?}");
    assert!(second.is_ok());
    assert_eq!(notes(conn), [2]);
}

#[test]
fn a_full_disk_is_told_to_the_whole_batch_and_to_nobody_after_it() {
    let conn = &mut table();
    conn.batch_execute("PRAGMA max_page_count = 20").unwrap();
    let outcomes = batch(
        conn,
        [
            job(|conn| note(conn, 1)),
            // SQLite gives the whole transaction up then.
            job(|conn| {
                let insert = "INSERT INTO notes (n, text) VALUES (2, hex(zeroblob(1000000)))";
                Ok(conn.batch_execute(insert)?)
            }),
            job(|conn| note(conn, 3)),
        ],
    );
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    let [next] = batch(conn, [job(|conn| note(conn, 4))]);
    assert!(next.is_ok());
    assert_eq!(notes(conn), [4]);
}

#[test]
fn nobody_is_told_that_a_write_succeeded_whose_batch_was_not_committed() {
    let conn = &mut table();
    let outcomes = batch(
        conn,
        [
            job(|conn| note(conn, 1)),
            // As SQLite does by itself after some faults of the disk.
            job(|conn| Ok(conn.batch_execute("ROLLBACK")?)),
            job(|conn| note(conn, 3)),
        ],
    );
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    assert!(notes(conn).is_empty());
}

#[test]
fn a_writer_that_cannot_begin_tells_everybody_and_goes_on() {
    let conn = &mut table();
    conn.batch_execute("BEGIN").unwrap();
    let outcomes = batch(conn, [job(|conn| note(conn, 1)), job(|conn| note(conn, 2))]);
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    let [next] = batch(conn, [job(|conn| note(conn, 3))]);
    assert!(next.is_ok());
    assert_eq!(notes(conn), [3]);
}

#[tokio::test]
async fn a_thread_outlives_a_job_that_panics() {
    let options = SqliteOptions::new("unused");
    let threads = Threads::start(&options, table(), vec![table()], table()).unwrap();
    let read: Result<(), _> = threads.read(|_| panic!("a fault of our own")).await;
    assert!(matches!(read, Err(StoreError::Internal(_))), "{read:?}");
    let written: Result<(), _> = threads.write(|_| panic!("a fault of our own")).await;
    assert!(matches!(written, Err(StoreError::Internal(_))), "{written:?}");
    threads.read(|conn| Ok(notes(conn))).await.unwrap();
    threads.write(|conn| note(conn, 1)).await.unwrap();
}

#[tokio::test]
async fn a_report_that_takes_long_holds_up_nobody_but_other_reports() {
    let options = SqliteOptions::new("unused");
    let threads = Threads::start(&options, table(), vec![table()], table()).unwrap();
    let (begun, is_begun) = oneshot::channel();
    let (go_on, goes_on) = oneshot::channel::<()>();
    let report = threads.report(move |_| {
        begun.send(()).unwrap();
        goes_on.blocking_recv().unwrap();
        Ok(())
    });
    let others = async {
        is_begun.await.unwrap();
        threads.read(|conn| Ok(notes(conn))).await.unwrap();
        threads.write(|conn| note(conn, 1)).await.unwrap();
        go_on.send(()).unwrap();
    };
    let (report, ()) = tokio::join!(report, others);
    report.unwrap();
}
