//! Countries and employees: what hardly ever changes.

use crate::{Country, Db, Employee, Error};

impl Db {
    /// All countries, by name.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn countries(&self) -> Result<Vec<Country>, Error> {
        self.count_read();
        Ok(
            sqlx::query_as("SELECT code, name FROM countries ORDER BY name")
                .fetch_all(&self.pool)
                .await?,
        )
    }

    /// Who works in a department, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the organisation has no such department.
    pub async fn employees(
        &self,
        organization_id: i64,
        department_id: i64,
    ) -> Result<Vec<Employee>, Error> {
        self.count_read();
        let known: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM departments WHERE organization_id = ? AND id = ?)",
        )
        .bind(organization_id)
        .bind(department_id)
        .fetch_one(&self.pool)
        .await?;
        if !known {
            return Err(Error::NotFound("department"));
        }
        let employees = sqlx::query_as(
            "SELECT id, name, role FROM employees WHERE organization_id = ? AND department_id = ? ORDER BY id",
        );
        Ok(employees
            .bind(organization_id)
            .bind(department_id)
            .fetch_all(&self.pool)
            .await?)
    }
}
