using System.Reflection;
using System.Runtime.InteropServices;

namespace CharRnn.Distributed;

/// <summary>
/// The calls of libmpi that ranks need. Handles are the addresses of symbols in Open MPI, and numbers in MPICH and its relatives, of which
/// MS-MPI is one; both fit a register, which one signature passes.
/// </summary>
internal static class LibMpi
{
    /// <summary>A level of threads: any thread may call, but one at a time.</summary>
    public const int Serialized = 2;

    private const string Library = "mpi";

    private static nint s_library;

    /// <summary>The communicator of all ranks.</summary>
    public static nint World { get; private set; }

    /// <summary>The datatypes float and byte.</summary>
    public static nint Float { get; private set; }

    /// <inheritdoc cref="Float"/>
    public static nint Byte { get; private set; }

    /// <summary>The operation that adds.</summary>
    public static nint AddUp { get; private set; }

    /// <summary>The address that stands for a send buffer where a call works in place.</summary>
    public static nint InPlace { get; private set; }

    /// <summary>Makes calls return their errors instead of ending the program.</summary>
    public static nint ErrorsReturn { get; private set; }

    /// <summary>Loads the first MPI library of these that is there.</summary>
    /// <param name="names">Names of libraries, or paths.</param>
    /// <returns>Its name; null if none is there.</returns>
    public static string? Load(IEnumerable<string> names)
    {
        foreach (string name in names)
            if (NativeLibrary.TryLoad(name, out s_library) && NativeLibrary.TryGetExport(s_library, nameof(MPI_Init_thread), out _))
            {
                bool isOpenMpi = NativeLibrary.TryGetExport(s_library, "ompi_mpi_comm_world", out _);
                nint Handle(string symbol, int number) => isOpenMpi ? NativeLibrary.GetExport(s_library, symbol) : number;
                World = Handle("ompi_mpi_comm_world", 0x44000000);
                Float = Handle("ompi_mpi_float", 0x4c00040a);
                Byte = Handle("ompi_mpi_byte", 0x4c00010d);
                AddUp = Handle("ompi_mpi_op_sum", 0x58000003);
                ErrorsReturn = Handle("ompi_mpi_errors_return", 0x54000001);
                InPlace = isOpenMpi ? 1 : -1;
                NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (_, _, _) => s_library);
                return name;
            }

        return null;
    }

    [DllImport(Library)]
    public static extern int MPI_Init_thread(nint argc, nint argv, int required, out int provided);

    [DllImport(Library)]
    public static extern int MPI_Comm_set_errhandler(nint communicator, nint handler);

    [DllImport(Library)]
    public static extern int MPI_Comm_rank(nint communicator, out int rank);

    [DllImport(Library)]
    public static extern int MPI_Comm_size(nint communicator, out int size);

    [DllImport(Library)]
    public static extern int MPI_Bcast(ref byte buffer, int count, nint type, int root, nint communicator);

    [DllImport(Library)]
    public static extern int MPI_Allgather(
        ref byte send, int sendCount, nint sendType, ref byte receive, int receiveCount, nint receiveType, nint communicator);

    [DllImport(Library)]
    public static extern int MPI_Alltoallv(
        ref float send, int[] sendCounts, int[] sendPlaces, nint sendType, ref float receive, int[] receiveCounts, int[] receivePlaces,
        nint receiveType, nint communicator);

    [DllImport(Library)]
    public static extern int MPI_Allgatherv(
        nint send, int sendCount, nint sendType, ref float receive, int[] receiveCounts, int[] receivePlaces, nint receiveType,
        nint communicator);

    [DllImport(Library)]
    public static extern int MPI_Allreduce(nint send, ref float receive, int count, nint type, nint operation, nint communicator);

    [DllImport(Library)]
    public static extern int MPI_Abort(nint communicator, int exitCode);

    [DllImport(Library)]
    public static extern int MPI_Finalize();

    [DllImport(Library)]
    public static extern int MPI_Get_library_version(ref byte text, out int length);

    [DllImport(Library)]
    public static extern int MPI_Error_string(int error, ref byte text, out int length);
}
