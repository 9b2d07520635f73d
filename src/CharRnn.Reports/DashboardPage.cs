namespace CharRnn.Reports;

/// <summary>The page that a dashboard's server sends: a report that asks it for more as runs go on.</summary>
public static class DashboardPage
{
    /// <summary>The page; it asks for <c>runs</c>, <c>report</c> and <c>sample</c> beside its own address.</summary>
    public static byte[] Build() =>
        Page.Build("dashboard", ["report.html", "dashboard.html"], ["chart.js", "report.js", "dashboard.js"], "[]");
}
