//! PostgreSQL crashes and comes back, a proxy breaks connections, one agent answers for many addresses.

use anyhow::Result;
use patchbot_lab::Lab;

#[tokio::test]
async fn a_committed_row_survives_a_crash_of_postgresql() -> Result<()> {
    let lab = Lab::start().await?;
    let mut server = lab.postgres().await?;
    server.create_database("plans").await?;
    server.query("plans", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)").await?;
    server.crash().await?;
    assert!(server.query("plans", "SELECT 1").await.is_err());
    server.start().await?;
    assert_eq!(server.query("plans", "SELECT n FROM t").await?, "7");
    server.create_database_from("plans", "copy").await?;
    assert_eq!(server.query("copy", "SELECT n FROM t").await?, "7");
    Ok(())
}

#[tokio::test]
async fn one_agent_answers_under_many_addresses() -> Result<()> {
    let lab = Lab::start().await?;
    let agent = lab.snmpd("Asia/Tokyo", 300, "").await?;
    assert_eq!(agent.addresses().len(), 300);
    Ok(())
}
