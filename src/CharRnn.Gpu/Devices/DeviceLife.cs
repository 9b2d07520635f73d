using ILGPU.Runtime;

namespace CharRnn.Gpu.Devices;

/// <summary>
/// The life of a device, or of what has memory there. One thread at a time uses a device, and nothing is used after it, or what
/// it stands on, was disposed of: a kernel that ran then would read memory that is somebody else's.
/// </summary>
internal sealed class DeviceLife
{
    private readonly object _owner;
    private readonly DeviceLife? _standsOn;
    private readonly Accelerator _accelerator;
    private readonly Lock _lock;
    private bool _isOver;

    /// <summary>The life of a device.</summary>
    public DeviceLife(ComputeDevice device) => (_owner, _accelerator, _lock) = (device, device.Accelerator, new());

    /// <summary>The life of an object that has memory on a device.</summary>
    /// <param name="owner">The object.</param>
    /// <param name="standsOn">The life of the model that it reads, or of the device.</param>
    public DeviceLife(object owner, DeviceLife standsOn) =>
        (_owner, _standsOn, _accelerator, _lock) = (owner, standsOn, standsOn._accelerator, standsOn._lock);

    /// <summary>Takes the device for this thread, until what it returns is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The owner, its model or the device was disposed of.</exception>
    public Lock.Scope Enter()
    {
        Lock.Scope held = _lock.EnterScope();
        try
        {
            for (DeviceLife? life = this; life is not null; life = life._standsOn)
                ObjectDisposedException.ThrowIf(life._isOver, life._owner);
            _accelerator.Bind(); // a GPU's context is current in one thread
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Ends the life, once, when no other thread is using the device.</summary>
    /// <param name="free">Frees what the owner has there.</param>
    public void End(Action free)
    {
        using Lock.Scope held = _lock.EnterScope();
        if (_isOver)
            return;
        _isOver = true;
        free();
    }
}
